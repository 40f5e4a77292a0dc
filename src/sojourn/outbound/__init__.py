"""Sessions at back ends: signed in once, kept whole, renewed, never mixed."""

from sojourn.outbound.auth import Auth, Basic, Bearer, ClientCredentials, Form, SignInWith
from sojourn.outbound.backend import Backend
from sojourn.outbound.closing import Closing, LastCall, Logout
from sojourn.outbound.csrf import Csrf, DoubleSubmit, Fetched, MetaTag
from sojourn.outbound.exchange import Exchange
from sojourn.outbound.jar import Domains, Jar
from sojourn.outbound.limits import Limits
from sojourn.outbound.messages import Request, Response

__all__ = [
    "Auth",
    "Backend",
    "Basic",
    "Bearer",
    "ClientCredentials",
    "Closing",
    "Csrf",
    "Domains",
    "DoubleSubmit",
    "Exchange",
    "Fetched",
    "Form",
    "Jar",
    "LastCall",
    "Limits",
    "Logout",
    "MetaTag",
    "Request",
    "Response",
    "SignInWith",
]

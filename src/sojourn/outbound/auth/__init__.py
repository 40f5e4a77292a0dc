"""Who a back end is to see."""

from sojourn.outbound.auth.base import Auth, Credentials, SigningIn
from sojourn.outbound.auth.client_credentials import ClientCredentials
from sojourn.outbound.auth.form import Form
from sojourn.outbound.auth.headers import Basic, Bearer, Given, checked_auth
from sojourn.outbound.auth.own import SignInWith

__all__ = [
    "Auth",
    "Basic",
    "Bearer",
    "ClientCredentials",
    "Credentials",
    "Form",
    "Given",
    "SignInWith",
    "SigningIn",
    "checked_auth",
]

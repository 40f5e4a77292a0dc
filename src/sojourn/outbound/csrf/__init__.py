"""Tokens against forged requests."""

from sojourn.outbound.csrf.base import Cookies, Csrf, Fetching
from sojourn.outbound.csrf.cookie import DoubleSubmit
from sojourn.outbound.csrf.fetched import Fetched
from sojourn.outbound.csrf.meta import MetaTag

__all__ = ["Cookies", "Csrf", "DoubleSubmit", "Fetched", "Fetching", "MetaTag"]

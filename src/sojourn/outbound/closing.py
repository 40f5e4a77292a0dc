"""Closing: how a back end is told that a session is not needed any more, so that sessions do not pile up there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urljoin

import msgspec

from sojourn.outbound.messages import Request

__all__ = ["Closing", "LastCall", "Logout"]


class Closing(Protocol):
    """How a session is closed."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What a call carries of which it is known that it is the last one; nothing, where `request` closes it."""

    def request(self, url: str) -> Request:
        """What closes a session at the back end at `url`."""


class Logout(msgspec.Struct, frozen=True):
    """By a call for signing out."""

    path: str = "logout"
    """From the URL of the back end."""
    method: str = "GET"

    @property
    def headers(self) -> Mapping[str, str]:
        """None: signing out is a call of its own."""
        return {}

    def request(self, url: str) -> Request:
        """The call for signing out."""
        return Request(method=self.method, url=urljoin(url, self.path))


class LastCall(msgspec.Struct, frozen=True):
    """By a header of the last call: the session is closed when that has been answered."""

    path: str = ""
    """What is asked for with the header, from the URL of the back end, where the last call is known too late."""
    method: str = "HEAD"
    header: str = "x-os-session-keep-alive"
    """As enaio's gateway and core service have it."""
    value: str = "false"

    @property
    def headers(self) -> Mapping[str, str]:
        """The header."""
        return {self.header: self.value}

    def request(self, url: str) -> Request:
        """A call of no effect with the header."""
        return Request(method=self.method, url=urljoin(url, self.path), headers=((self.header, self.value),))

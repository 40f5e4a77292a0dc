"""Answers as `http.client` reads them, with what it leaves out."""

from __future__ import annotations

import http.client
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

__all__ = ["POOLS", "is_interim"]


def is_interim(status: int) -> bool:
    """Whether the answer is still to come (RFC 9110 §15.2); 101 is the last of its connection."""
    return 100 <= status < 200 and status != http.HTTPStatus.SWITCHING_PROTOCOLS


class _Answer(http.client.HTTPResponse):
    """The answer that follows interim ones: `http.client` knows of 100 alone.

    What cannot be read is quoted nowhere, for it may be the line of a cookie; urllib3 would warn of it.
    """

    def begin(self) -> None:
        super().begin()
        while is_interim(self.status):
            self.headers = self.msg = None  # type: ignore[assignment] # or it has begun
            super().begin()
        if self.msg.defects:
            self.msg.defects = [type(each)() for each in self.msg.defects]
            self.msg.set_payload("")

    def _read_status(self) -> Any:
        try:
            return super()._read_status()  # type: ignore[misc]
        except http.client.RemoteDisconnected:
            raise
        except http.client.BadStatusLine:
            pass
        raise http.client.BadStatusLine("it is no HTTP")


class _Http(HTTPConnection):
    response_class = _Answer


class _Https(HTTPSConnection):
    response_class = _Answer


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


POOLS = {"http": _HttpPool, "https": _HttpsPool}
"""What urllib3 is to connect by."""

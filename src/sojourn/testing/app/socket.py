"""Socket: a visitor's WebSocket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest

from sojourn.testing.app.client import PATIENCE, Answer, Visitor

__all__ = ["Socket", "connected"]


class Socket:
    """An open WebSocket."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def say(self, deed: str, **given: Any) -> Any:
        """Have the application do `deed`; what it returned."""
        self.tell(deed, **given)
        return json.loads(self._connection.recv(timeout=PATIENCE))

    def tell(self, deed: str, **given: Any) -> None:
        """Have the application do `deed`."""
        self._connection.send(f"{deed}?{urlencode(given)}")

    def wait_for_the_end(self) -> int | None:
        """Until the other side has closed it. Returns the code that it gave; None without one."""
        from websockets.exceptions import ConnectionClosed

        with pytest.raises(ConnectionClosed) as closed:
            self._connection.recv(timeout=PATIENCE)
        return None if closed.value.rcvd is None else int(closed.value.rcvd.code)


@contextmanager
def connected(visitor: Visitor) -> Iterator[Socket]:
    """A WebSocket with the cookies of the visitor, who keeps those that the handshake sets; closed with the block.

    Raises `ConnectionRefusedError` when the handshake is refused.
    """
    client = pytest.importorskip("websockets.sync.client", reason="the client for WebSockets needs `websockets`")
    from websockets.exceptions import InvalidStatus

    cookies = "; ".join(f"{name}={value}" for name, value in visitor.jar.items())
    url = f"{visitor.url.replace('http', 'ws', 1)}/socket"
    headers = {"Cookie": cookies} if cookies else {}
    try:
        connection = client.connect(url, additional_headers=headers, open_timeout=PATIENCE, proxy=None)
    except InvalidStatus as refused:
        raise ConnectionRefusedError(refused.response.status_code) from None
    with connection:
        visitor.keep(Answer(101, connection.response.headers.raw_items(), b""))
        yield Socket(connection)

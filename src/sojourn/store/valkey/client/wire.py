"""Wire: one connection of the client library, which asks many questions in one round trip and never repeats one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import libvalkey
from valkey.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from valkey.crc import key_slot
from valkey.exceptions import AuthenticationError, BusyLoadingError, ConnectionError, ValkeyError  # noqa: A004

from sojourn.store.valkey.client.address import Address, Place

__all__ = ["BROKEN", "SLOTS", "Wire", "pack_command", "slot_of", "wire"]

BROKEN = (ConnectionError, OSError, EOFError, ValkeyError)
SLOTS = 16384

pack_command = libvalkey.pack_command


def slot_of(tag: str) -> int:
    """The slot of a cluster that holds what has the hash tag `tag`."""
    return int(key_slot(tag.encode()))


class Wire(AbstractConnection):
    """What a connection does beyond those of the library."""

    @property
    def alive(self) -> bool:
        """Whether the other end has not hung up, as far as is known."""
        return (
            self._reader is not None
            and self._writer is not None
            and not self._reader.at_eof()
            and not self._writer.transport.is_closing()
        )

    async def send(self, packed: Sequence[bytes]) -> None:
        """Send commands, each packed."""
        if self._writer is None:
            raise ConnectionError
        self._writer.write(b"".join(packed))
        await self._writer.drain()

    async def dial(self) -> None:
        """Connect and greet."""
        await self.connect()  # type: ignore[no-untyped-call]

    async def receive(self) -> Any:
        """The next answer; an error that the server answered is returned."""
        try:
            return await self._parser.read_response()  # type: ignore[attr-defined]
        except (AuthenticationError, BusyLoadingError) as refusal:  # the library takes them for a broken connection
            return refusal

    async def ask(self, *command: str | bytes | int) -> Any:
        """The answer to one command; an error is raised."""
        await self.send([pack_command(command)])
        answer = await self.receive()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def cut(self) -> None:
        """Close at once, whatever is under way."""
        writer = self._writer
        self._reader = self._writer = None
        self._parser.on_disconnect()  # type: ignore[no-untyped-call]
        if writer is not None:
            with contextlib.suppress(RuntimeError):  # its event loop is closed
                writer.transport.abort()

    async def hang_up(self) -> None:
        """Close, and wait until that is done."""
        writer = self._writer
        self.cut()
        if writer is not None:
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class _Tcp(Wire, Connection):
    pass


class _Tls(Wire, SSLConnection):
    pass


class _Unix(Wire, UnixDomainSocketConnection):
    async def _connect(self) -> None:
        # The library's own greets twice.
        self._reader, self._writer = await asyncio.open_unix_connection(path=self.path)


def wire(address: Address, place: Place, *, bare: bool = False) -> Wire:
    """A connection to `place`, not yet made; `bare` for a sentinel, which has neither users nor databases."""
    options: dict[str, Any] = {
        # All limits of time are set around whole round trips; nothing is asked that the store did not ask.
        "socket_timeout": None,
        "socket_connect_timeout": address.connect_timeout,
        "lib_name": None,
        "lib_version": None,
    }
    if not bare:
        options |= {"db": address.db, "username": address.username, "password": address.password}
    if isinstance(place, str):
        return _Unix(path=place, **options)
    options |= {"host": place[0], "port": place[1], "socket_keepalive": True}
    if not address.tls:
        return _Tcp(**options)
    return _Tls(
        ssl_check_hostname=True,
        ssl_ca_certs=address.ca,
        ssl_certfile=address.cert,
        ssl_keyfile=address.key or address.cert,
        **options,
    )

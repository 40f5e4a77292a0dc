"""Lane: one connection, for one question after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg

from sojourn.errors import StoreBusy, StoreUnavailable
from sojourn.store.postgres.explain import ANOTHER_SCHEMA, Refused, lost, refused
from sojourn.store.postgres.schema import Connection, Schema

__all__ = ["Lane", "part"]

Row = asyncpg.Record


class Lane:
    """Opens its connection when it is first used, and another when that one broke. For one event loop."""

    def __init__(self, schema: Schema, *, in_order: bool = False) -> None:
        """`schema`: where the connection leads. `in_order`: follow an index rather than sort what was found."""
        self.trips = 0
        self._schema = schema
        self._in_order = in_order
        self._connection: Connection | None = None
        self._free = asyncio.Lock()
        self._overdue = False

    async def open(self) -> None:
        """Connect, unless that is done. Raises `StoreUnavailable`."""
        async with self._free:
            await self._connected()

    async def ask(self, statement: str, values: Callable[[], Sequence[Any]], *, writes: bool = True) -> list[Row]:
        """The rows that answer `statement`; `values` are taken when there is a connection, so the clock was measured.

        Raises `StoreUnavailable`, where it is known that nothing was written; `OutcomeUnknown`, where it is not; and
        `Refused`.
        """
        await self._turn()
        try:
            answer = await self._try(statement, values, writes=writes)
            if not writes and self._connection is None and not self._overdue:
                # The server may have gone long before, and be back. A read may be asked twice.
                answer = await self._try(statement, values, writes=writes)
        finally:
            self._free.release()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        """Close the connection, when the question of this moment is answered."""
        async with self._free:
            connection, self._connection = self._connection, None
            if connection is not None:
                await part(connection)

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(2 * self._schema.timeout):  # one connection that fails, and one statement
                await self._free.acquire()
        except TimeoutError:
            busy = StoreBusy(f"{self._schema.where} keeps this process waiting for too long; see what loads it")
        else:
            return
        raise busy

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = None
            self._connection = await self._schema.connect(in_order=self._in_order)
        return self._connection

    async def _try(
        self, statement: str, values: Callable[[], Sequence[Any]], *, writes: bool
    ) -> list[Row] | StoreUnavailable | Refused:
        connection = await self._connected()
        self._overdue = False
        self.trips += 1
        # Cheaper than a timeout, and it does not ask the server to cancel: one that hangs would not hear that either.
        timer = asyncio.get_running_loop().call_later(self._schema.timeout, self._give_up, connection)
        try:
            return await connection.fetch(statement, *values())
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            state: str = getattr(error, "sqlstate", None) or ""
            # 57P01: shut down by an administrator, even after the commit.
            if not connection.is_closed() and not state.startswith(("08", "57P")):
                if state in ANOTHER_SCHEMA:
                    self._drop(connection)  # the next one looks what is there
                return refused(error, self._schema.where)
            self._drop(connection)
        except (OSError, asyncpg.InternalClientError):
            self._drop(connection)
        except BaseException:
            self._drop(connection)
            raise
        finally:
            timer.cancel()
        return lost(self._schema.where, writes=writes, overdue=self._overdue)

    def _give_up(self, connection: Connection) -> None:
        self._overdue = True
        connection.terminate()

    def _drop(self, connection: Connection) -> None:
        connection.terminate()
        self._connection = None


async def part(connection: Connection) -> None:
    """Close `connection` within a second."""
    try:
        await connection.close(timeout=1)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # it was broken, or the server hangs
        connection.terminate()

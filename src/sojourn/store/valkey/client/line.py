"""Line: the connection to one server, over which all that is asked in one turn goes together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from valkey.exceptions import NoScriptError, ResponseError

from sojourn.errors import StoreDenied, StoreReadOnly, StoreUnavailable
from sojourn.store.gathering import Gathering
from sojourn.store.valkey.client.address import Address, Place, spoken
from sojourn.store.valkey.client.clock import ServerClock
from sojourn.store.valkey.client.refusals import explain, lost, unreachable
from sojourn.store.valkey.client.wire import BROKEN, Wire, pack_command, wire
from sojourn.store.valkey.scripts import TEXTS, Script

__all__ = ["Command", "Line", "Unreached", "dial", "run"]

_log = logging.getLogger("sojourn.store.valkey")


class Unreached(StoreUnavailable):
    """There was no connection, so nothing was asked."""


class Command(NamedTuple):
    """What is asked: a command or a script on what has one tag."""

    tag: str
    parts: tuple[Any, ...]
    writes: bool = False
    asking: bool = False  # of a server that a slot is on its way to


def run(tag: str, script: Script, keys: Sequence[str], *arguments: str | bytes | float) -> Command:
    """The command that runs `script`."""
    return Command(tag, (b"EVALSHA", script.sha, len(keys), *keys, *arguments), script.writes)


class Line:
    """Asks one server. Connects when it is needed, and again when the connection is broken; repeats nothing."""

    def __init__(self, address: Address, place: Place, clock: ServerClock, warned: set[str]) -> None:
        """`warned`: what was already said about these servers."""
        self.place = place
        self.where = spoken(place)
        self._address = address
        self._clock = clock
        self._warned = warned
        self._wire: Wire | None = None
        self.ask: Gathering[Command, Any] = Gathering(self._ask)

    async def close(self) -> None:
        """Wait for what was asked, then hang up."""
        await self.ask.finish()
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.hang_up()

    async def _ask(self, batch: Sequence[Command]) -> Sequence[Any]:
        try:
            wire = await self._connected()
        except StoreDenied:  # another server would say the same
            raise
        except StoreUnavailable as error:
            raise Unreached(*error.args) from error
        answers: list[Any] = []
        limit = self._address.timeout
        late: float | None = None
        try:
            async with asyncio.timeout(limit):
                await self._exchange(wire, batch, answers)
                forgotten = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
                if forgotten:
                    await self._teach(wire, batch, answers, forgotten)
        except TimeoutError:
            late = limit
            self._drop()
        except BROKEN:
            self._drop()
        except BaseException:
            self._drop()
            raise
        return [self._said(command, answers, number, late) for number, command in enumerate(batch)]

    def _said(self, command: Command, answers: Sequence[Any], number: int, late: float | None) -> Any:
        if number >= len(answers):
            return lost(self.where, wrote=command.writes, late=late)
        answer = answers[number]
        if isinstance(answer, NoScriptError):
            return lost(self.where, wrote=command.writes, late=late)
        if isinstance(answer, Exception):
            meaning = explain(answer, self.where, wrote=command.writes)
            if isinstance(meaning, StoreReadOnly):
                self._drop()  # the address may name another server by now
            return meaning
        return answer

    async def _exchange(self, wire: Wire, batch: Sequence[Command], answers: list[Any]) -> None:
        packed = [pack_command(command.parts) for command in batch]
        redirected = any(command.asking for command in batch)
        if redirected:
            packed = [_ASKING + each if command.asking else each for command, each in zip(batch, packed, strict=True)]
        timed = self._clock.due
        sent = time.monotonic()
        if timed:
            packed.insert(0, _TIME)
        await wire.send(packed)
        if timed:
            told = await wire.receive()
            if not isinstance(told, Exception):
                self._clock.told(*told, sent=sent, got=time.monotonic())
        for command in batch:
            if command.asking:
                await wire.receive()
            answers.append(await wire.receive())

    async def _teach(self, wire: Wire, batch: Sequence[Command], answers: list[Any], forgotten: Sequence[int]) -> None:
        """Ask again with the text of the scripts: the server was started anew, or was told to forget them."""
        again = [batch[number] for number in forgotten]
        texts = [command._replace(parts=(b"EVAL", TEXTS[command.parts[1]], *command.parts[2:])) for command in again]
        heard: list[Any] = []
        try:
            await self._exchange(wire, texts, heard)
        finally:
            for number, answer in zip(forgotten, heard, strict=False):
                answers[number] = answer

    async def _connected(self) -> Wire:
        if self._wire is not None and self._wire.alive:
            return self._wire
        self._drop()
        self._wire = await dial(self._address, self.place, self._clock)
        if self.where not in self._warned:
            self._warned.add(self.where)
            await self._look(self._wire)
        return self._wire

    async def _look(self, wire: Wire) -> None:
        """See whether this server can be used, and can be trusted to keep what it is given."""
        try:
            async with asyncio.timeout(self._address.connect_timeout):
                server, memory = _info(await wire.ask("INFO", "server")), _info(await wire.ask("INFO", "memory"))
        except ResponseError:
            return  # it may not be asked
        except (TimeoutError, *BROKEN) as error:
            self._drop()
            self._warned.discard(self.where)
            raise unreachable(error, self.where) from None
        if int(server.get("redis_version", "7").partition(".")[0]) < 7:
            self._drop()
            self._warned.discard(self.where)
            raise StoreUnavailable(f"{self.where} is older than Redis 7; use Valkey, or Redis 7 or newer")
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            _log.warning(
                "Valkey at %s may drop sessions at will when its memory is full (maxmemory-policy %s): "
                "set it to noeviction",
                self.where,
                policy,
            )

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.cut()


async def dial(address: Address, place: Place, clock: ServerClock) -> Wire:
    """A connection to `place`, greeted; tells `clock` the time. Raises `StoreUnavailable`."""
    made = wire(address, place)
    try:
        async with asyncio.timeout(address.connect_timeout):
            await made.dial()
            sent = time.monotonic()
            seconds, micros = await made.ask("TIME")
            clock.told(seconds, micros, sent=sent, got=time.monotonic())
    except (TimeoutError, *BROKEN) as error:
        made.cut()
        raise unreachable(error, spoken(place)) from None
    except BaseException:
        made.cut()
        raise
    return made


def _info(text: bytes) -> dict[str, str]:
    lines = text.decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


_TIME = pack_command(("TIME",))
_ASKING = pack_command(("ASKING",))

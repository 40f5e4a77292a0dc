"""Trial: one back end through one client, and whether its own log tells what it should."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable

import msgspec
from tests.backends.backend import PASSWORD, Caller, Log, Server

from sojourn.errors import SignInFailed
from sojourn.outbound import Exchange

__all__ = ["CHECKS", "SPLIT", "Check", "try_out"]

SPLIT = 50
"""Calls at once."""
ANY = -1
"""As many sessions as there are."""
PATIENCE = 10.0  # seconds for a log to come to rest

CHECKS = {
    "split": f"answers {SPLIT} changes at once, with no call before them, and has done each once",
    "one": "was signed in once for them, held one session, and was asked for one token, where it is asked for any",
    "reads": f"answers {SPLIT} calls more at once",
    "none": "was asked for no sign-in and no token for those",
    "closed": "holds no session after the end",
    "renewed": f"answers {SPLIT} calls at once after it has forgotten the session",
    "once more": "was signed in once more for them, and asked for no token",
    "effects": f"answers {SPLIT} changes at once after it has forgotten the session again, and has done each once",
    "third": "was signed in once more for these, and asked for one token",
    "wrong": "was tried once with a wrong password, and the call raised `SignInFailed`",
}
"""What is asked, as in "the back end …"."""


_NUMBERS = itertools.count(1)  # for changes, each of which is another one


class Check(msgspec.Struct, kw_only=True):
    """Something that was asked, by its name in `CHECKS`."""

    name: str
    passed: bool
    found: str = ""


class Trial:
    """What is found of one client."""

    def __init__(self, server: Server, caller: Callable[[Exchange], Caller]) -> None:
        """`caller`: makes the client."""
        self.checks: list[Check] = []
        self.sign_ins: list[int] = []
        """For each of the times that calls came at once."""
        self.left = 0
        """Sessions that it held at the end, after it had forgotten some."""
        self._server = server
        self._caller = caller
        self._before = Log(0, 0, 0, 0)

    async def all(self) -> None:
        """Each of the checks."""
        self._server.forget()  # what another client has left
        self._begin()
        await self._within(self._once)
        left = self._seen().sessions
        self._note("closed", left == 0, f"{left} sessions")
        await self._within(self._forgotten)
        self.left = self._settled().sessions
        await self._wrong()

    async def _within(self, do: Callable[[Caller], Awaitable[None]]) -> None:
        async with self._server.backend(PASSWORD) as backend:
            caller = self._caller(backend.exchange())
            try:
                await do(caller)
            finally:
                await caller.close()

    async def _once(self, caller: Caller) -> None:
        wrong = await self._changes(caller)
        self._judge("split", "one", wrong, self._seen(), Log(1, 0, SPLIT, 1, 1))
        self._begin()
        wrong = await self._reads(caller)
        self._judge("reads", "none", wrong, self._seen(), Log(0, 0, 0, 1, 0))

    async def _forgotten(self, caller: Caller) -> None:
        if failure := (await _at_once([caller.read()]))[0]:
            self._note("renewed", passed=False, otherwise=failure)
            return
        for answers, sign_ins, do, changes in (
            ("renewed", "once more", self._reads, 0),
            ("effects", "third", self._changes, SPLIT),
        ):
            self._server.forget()
            self._begin()
            wrong = await do(caller)
            self._judge(answers, sign_ins, wrong, self._seen(), Log(1, 0, changes, ANY, int(changes > 0)))

    async def _wrong(self) -> None:
        self._begin()
        async with self._server.backend(f"not {PASSWORD}") as backend:
            caller = self._caller(backend.exchange())
            try:
                found = await caller.read()
            except SignInFailed:
                found = ""
            finally:
                await caller.close()
        seen = self._seen()
        passed = not found and (seen.refused, seen.sign_ins) == (1, 0)
        self._note("wrong", passed, f"{found} {seen.refused} refused, {seen.sign_ins} let in".strip())

    async def _reads(self, caller: Caller) -> list[str]:
        return await _at_once([caller.read() for _ in range(SPLIT)])

    async def _changes(self, caller: Caller) -> list[str]:
        return await _at_once([caller.change(next(_NUMBERS)) for _ in range(SPLIT)])

    def _begin(self) -> None:
        self._before = self._settled()

    def _settled(self) -> Log:
        """Its log, when nothing is added to it any more: a line is written after the answer."""
        log, until = self._server.log(), time.monotonic() + PATIENCE
        while time.monotonic() < until:
            time.sleep(0.2)
            if log == (log := self._server.log()):
                break
        return log

    def _seen(self) -> Log:
        """Since `_begin`; sessions as they are."""
        now, then = self._settled(), self._before
        return Log(
            now.sign_ins - then.sign_ins,
            now.refused - then.refused,
            now.changes - then.changes,
            now.sessions,
            None if now.tokens is None or then.tokens is None else now.tokens - then.tokens,
        )

    def _judge(self, answers: str, sign_ins: str, wrong: list[str], seen: Log, expected: Log) -> None:
        """Of calls at once: whether all went well, by the name `answers`, and what else the log is to tell."""
        found = sorted({each for each in wrong if each})
        if seen.changes != expected.changes:
            found.append(f"{seen.changes} changes")
        self._note(answers, not found, f"{sum(map(bool, wrong))} failed: {'; '.join(found)}")
        self.sign_ins.append(seen.sign_ins)
        found = [f"{seen.sign_ins} sign-ins"] if seen.sign_ins != expected.sign_ins else []
        if expected.sessions not in (seen.sessions, ANY):
            found.append(f"{seen.sessions} sessions")
        if seen.tokens not in (expected.tokens, None):
            found.append(f"{seen.tokens} tokens")
        self._note(sign_ins, not found, ", ".join(found))

    def _note(self, name: str, passed: bool, otherwise: str) -> None:
        self.checks.append(Check(name=name, passed=passed, found="" if passed else otherwise))


async def try_out(server: Server, caller: Callable[[Exchange], Caller]) -> Trial:
    """Ask for all of it."""
    trial = Trial(server, caller)
    await trial.all()
    return trial


async def _at_once(calls: list[Awaitable[str]]) -> list[str]:
    found = await asyncio.gather(*calls, return_exceptions=True)
    return [each if isinstance(each, str) else f"{type(each).__name__}: {each}" for each in found]

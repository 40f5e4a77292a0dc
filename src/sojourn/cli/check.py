"""`store check`: the contract of stores against a live one, and what became of each promise."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Protocol

import click
import msgspec

from sojourn.cli.report import masked

__all__ = ["check"]

Line = dict[str, Any]

INTERRUPTED = 128 + signal.SIGINT


def check(target: str, *, as_json: bool = False, verbose: bool = False) -> int:
    """Try all promises of a store in places that are made for it, and removed whatever happens.

    Return the exit status: 0 when it keeps all that could be tried, 1 when one is broken, 2 when there was nothing to
    check, 130 when it was interrupted.
    """
    view: _View = _Json() if as_json else _Text(masked(target), verbose=verbose)
    if find_spec("pytest") is None:
        view.show({"event": "error", "text": "checking a store needs what is not installed: pip install pytest"})
        return 2
    told = False
    with _child(target, verbose=verbose) as process:
        for line in _heard(process):
            view.show(line)
            told = told or line["event"] in ("verdict", "error")
        status = process.wait()
    if status in (INTERRUPTED, -signal.SIGINT):  # the latter before it had made anything
        view.show({"event": "interrupted"})
    elif not told:
        text = f"the check ended by itself with status {status}; --verbose shows what it printed"
        view.show({"event": "error", "text": text})
        return 2
    return status


@contextlib.contextmanager
def _child(target: str, *, verbose: bool) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own: what a store under test does to a process, it does there."""
    orders, end = os.pipe()  # rather than an argument, which all users can see: the address may hold a password
    with os.fdopen(end, "wb") as pipe:
        pipe.write(target.encode() + b"\n")
    with (
        os.fdopen(orders, "rb") as stdin,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "sojourn.testing.check"],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=None if verbose else subprocess.DEVNULL,
            process_group=0,  # a Ctrl-C in the terminal is passed on once, so that it clears up
        ) as process,
    ):

        def pass_on(_number: int, _frame: object) -> None:
            process.send_signal(signal.SIGINT)

        before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield process
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _heard(process: subprocess.Popen[bytes]) -> Iterator[Line]:
    for line in process.stdout or ():
        yield msgspec.json.decode(line)


class _View(Protocol):
    def show(self, line: Line) -> None: ...


class _Json:
    """The lines as they come; on stderr those that are no result."""

    def show(self, line: Line) -> None:
        with contextlib.suppress(OSError):
            click.echo(msgspec.json.encode(line).decode(), err=line["event"] in ("error", "interrupted", "left"))


class _Text:
    """A bar in a terminal, then what is not kept; a line for each promise elsewhere. Then the verdict."""

    def __init__(self, store: str, *, verbose: bool) -> None:
        self._store = store
        self._verbose = verbose
        self._bar: Any = None
        self._after_the_bar: list[Line] = []

    def show(self, line: Line) -> None:
        getattr(self, f"_{line['event']}")(**{name: value for name, value in line.items() if name != "event"})

    def _begins(self, promises: int) -> None:
        _print(f"{promises} promises, tried with {self._store}")
        if sys.stdout.isatty():
            self._bar = click.progressbar(length=promises, show_pos=True)
            self._bar.render_progress()

    def _promise(self, **promise: Any) -> None:
        if self._bar is None:
            self._tell(**promise)
            return
        self._bar.update(1)
        if promise["outcome"] != "kept":
            self._after_the_bar.append(promise)

    def _tell(self, *, name: str, outcome: str, reason: str, traceback: str, **_: object) -> None:
        _print(f"{outcome:<8} {name}{reason and f': {reason}'}")
        if self._verbose and traceback:
            _print(traceback)

    def _verdict(self, *, kept: int, broken: int, untried: int) -> None:
        self._end_bar()
        for promise in self._after_the_bar:
            self._tell(**promise)
        said = f"{self._store} breaks {broken} of" if broken else f"{self._store} keeps all of"
        _print(f"{said} {kept + broken} promises; {untried} could not be tried")

    def _interrupted(self) -> None:
        self._end_bar()
        _complain("interrupted, without a verdict")

    def _left(self, text: str) -> None:
        self._end_bar()
        _complain(text)

    def _error(self, text: str) -> None:
        self._end_bar()
        _complain(text)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None


def _print(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more; what was made is still removed
        click.echo(text)


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(f"sojourn: {text}", err=True)

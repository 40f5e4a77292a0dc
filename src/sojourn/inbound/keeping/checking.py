"""Checking: while developing, what cannot be stored is reported where it was put in, not where it failed."""

from __future__ import annotations

import logging
import traceback
from typing import Any, Literal, TypeVar

from sojourn.core import codec
from sojourn.core.codec import Packed
from sojourn.core.merge import FieldChanges
from sojourn.core.session import Session
from sojourn.errors import NotStorable

__all__ = ["Check", "CheckedSession", "StrictSession", "kind_of"]

T = TypeVar("T")

Check = Literal["off", "log", "error"]

DEEPEST = 12  # frames of a report: enough to see which view it was

_log = logging.getLogger("sojourn.check")


class CheckedSession(Session):
    """A session that tries each value when it is put in. What cannot be stored is logged and dropped.

    A report has the path of the value, its type, the line that put it in and the stack there. A value that became
    unfit in place is found at the end of the request: then the report has the line that asked for the attribute.
    """

    _used_at: dict[str, traceback.StackSummary]

    def __init__(self, *given: Any, **named: Any) -> None:
        """As `Session`."""
        super().__init__(*given, **named)
        self._used_at = {}

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        self._used_at[name] = _here()
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        try:
            codec.pack(value, f"session[{name!r}]")
        except NotStorable as error:
            self._report(error, _here(), "put in")
            return
        super().__setitem__(name, value)
        self._used_at[name] = _here()

    def view(self, kind: type[T], *, at: str | None = None) -> T:
        """As `Session.view`."""
        self._used_at[kind.__name__ if at is None else at] = _here()
        return super().view(kind, at=at)

    def changes(self) -> dict[str, Packed | FieldChanges | None]:
        """As `Session.changes`, without what cannot be stored."""
        while True:
            try:
                return super().changes()
            except NotStorable as error:
                name = next((each for each in self._used_at if error.path.startswith(f"session[{each!r}]")), None)
                if name is None:
                    raise
                self._report(error, self._used_at.pop(name), "asked for")
                self.give_up([name])

    def _report(self, error: NotStorable, stack: traceback.StackSummary, what: str) -> None:
        last = stack[-1] if stack else None
        line = "" if last is None else f" The attribute was {what} at {last.filename}:{last.lineno}, in {last.name}."
        _log.error("%s. It is dropped.%s\n%s", error, line, "".join(stack.format()), extra={"path": error.path})


class StrictSession(CheckedSession):
    """The same, but that it raises where the value is put in, and so answers 500."""

    def _report(self, error: NotStorable, stack: traceback.StackSummary, what: str) -> None:
        super()._report(error, stack, what)
        raise error


def kind_of(check: Check, *, secure: bool) -> type[Session]:
    """The kind of sessions that check as is said. `secure`: whether this looks like production, which is warned of."""
    if check == "off":
        return Session
    if secure:
        _log.warning(
            "check=%r is for development: it packs each value twice; set it to 'off' where visitors are", check
        )
    return CheckedSession if check == "log" else StrictSession


def _here() -> traceback.StackSummary:
    """Where the application is: the innermost frames that are not ours."""
    frames = [frame for frame in traceback.extract_stack(limit=DEEPEST + 8) if not frame.filename.startswith(_OURS)]
    return traceback.StackSummary.from_list(frames[-DEEPEST:])


_OURS = __file__.rpartition("/inbound/")[0]

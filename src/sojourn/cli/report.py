"""What the supervisor says: short lines for people, or the same as JSON."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

if TYPE_CHECKING:
    from sojourn.cli.orders import Orders, Ready

__all__ = ["Report"]

_PASSWORD = re.compile(r"(?P<before>://[^:@/?]*:).*(?=@)|(?P<name>[?&]password=)[^&]*", re.IGNORECASE)


class Report:
    """Says on stdout what happens and on stderr what is wrong. Nothing in it names a session."""

    def __init__(self, *, as_json: bool) -> None:
        """`as_json`: one JSON object a line, whose `event` says what it is."""
        self._as_json = as_json

    def started(self, orders: Orders, url: str, pids: list[int], ready: Ready, *, metrics: str | None = None) -> None:
        """All workers are there. `metrics`: where Prometheus finds them."""
        store = "as the application's own Sessions say" if ready.own else masked(orders.settings.store)
        rows = {"url": url, "workers": " ".join(map(str, pids)), "store": store, "cookie": ready.cookie}
        told: dict[str, Any] = {} if metrics is None else {"metrics": metrics}
        lines = [
            f"sojourn serves {orders.target}",
            *(f"  {name:<8} {value}" for name, value in {**rows, **told}.items()),
        ]
        text = "\n".join(lines)
        self._say(
            "started", text, target=orders.target, url=url, workers=pids, store=store, cookie=ready.cookie, **told
        )
        for warning in ready.warnings:
            self.warned(warning)

    def waiting(self, problem: str) -> None:
        """The workers are there, and the store is not."""
        self._say("waiting", f"sojourn: waiting for the store: {problem}", sys.stderr, text=problem)

    def died(self, pid: int, status: int, delay: float) -> None:
        """A worker ended that was not told to."""
        how = f"was killed by {_name(-status)}" if status < 0 else f"ended with status {status}"
        then = f"the next starts in {delay:.1f} s" if delay else "the next starts now"
        name = _name(-status) if status < 0 else None
        self._say("died", f"worker {pid} {how}; {then}", pid=pid, signal=name, status=status, delay=delay)

    def replaced(self, before: int, pid: int) -> None:
        """A worker serves in place of one that died."""
        self._say("replaced", f"worker {pid} serves in place of {before}", pid=pid, before=before)

    def stopping(self, drain: float) -> None:
        """The stop has begun."""
        self._say("stopping", f"stopping; requests in flight have {drain:g} s to finish", drain=drain)

    def killed(self, pid: int) -> None:
        """A worker did not finish in time."""
        self._say("killed", f"worker {pid} had not finished and was killed", sys.stderr, pid=pid)

    def stopped(self) -> None:
        """The stop is over."""
        self._say("stopped", "stopped")

    def warned(self, text: str) -> None:
        """Something works in another way than the user may think."""
        self._say("warning", f"sojourn: {text}", sys.stderr, text=text)

    def refused(self, mistake: str) -> None:
        """Serving was not possible."""
        self._say("error", f"sojourn: {mistake}", sys.stderr, text=mistake)

    def _say(self, event: str, line: str, stream: TextIO | None = None, **fields: object) -> None:
        if self._as_json:
            line = msgspec.json.encode({"event": event, **fields}).decode()
        # Nobody listening any more is no reason to stop serving.
        with contextlib.suppress(OSError):
            print(line, file=stream or sys.stdout, flush=True)


def masked(store: str) -> str:
    """Show a store's address without its password."""
    return _PASSWORD.sub(lambda found: f"{found['before'] or found['name']}***", store)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

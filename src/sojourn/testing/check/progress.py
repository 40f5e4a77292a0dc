"""Progress: tells what becomes of each promise, and lets none of them hang."""

from __future__ import annotations

import signal
from collections.abc import Generator
from types import FrameType

import pytest

from sojourn.testing.check.lines import Lines
from sojourn.testing.check.reason import reason_of
from sojourn.testing.check.subject import Subject

__all__ = ["Progress"]

PATIENCE = 60.0  # seconds for one promise; the slowest takes ten when it is broken
AGAIN = 5.0  # seconds until it is ended once more, when it did not take the first time


class Progress:
    """A plugin of pytest."""

    def __init__(self, lines: Lines, subject: Subject) -> None:
        """`lines`: where it is told. `subject`: what is checked."""
        self.counts = {"kept": 0, "broken": 0, "untried": 0}
        self._lines = lines
        self._subject = subject
        self._session: pytest.Session | None = None
        self._interrupted = False
        self._trying = False
        self._outcome, self._reason, self._traceback = "kept", "", ""
        self._seconds = 0.0

    def interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """End the promise that is being tried, and then the check. As a handler of signals."""
        self._interrupted = True
        if self._session is not None:
            self._session.shouldstop = "interrupted"
        if self._trying:
            raise KeyboardInterrupt

    @pytest.fixture
    def subject(self) -> Subject:
        """What is checked."""
        return self._subject

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._session = session
        self._lines.say("begins", promises=len(session.items))
        if self._interrupted:
            session.shouldstop = "interrupted"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None]:
        before = signal.signal(signal.SIGALRM, _too_late)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE, AGAIN)
        self._trying = True
        try:
            return (yield)
        finally:
            self._trying = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self._seconds += call.duration
        if not report.passed and call.excinfo is not None and not self._reason:
            self._outcome = "untried" if report.skipped else "broken"
            error = call.excinfo.value
            self._reason = str(error) if report.skipped else reason_of(error)
            self._traceback = "" if report.skipped else report.longreprtext
        if report.when == "teardown":
            self._tell(item)
        return report

    def _tell(self, item: pytest.Function) -> None:
        self.counts[self._outcome] += 1
        self._lines.say(
            "promise",
            name=_sentence(item),
            outcome=self._outcome,
            seconds=round(self._seconds, 3),
            reason=self._reason,
            traceback=self._traceback,
        )
        self._outcome, self._reason, self._traceback = "kept", "", ""
        self._seconds = 0.0
        if not self._lines.heard:
            item.session.shouldstop = "nobody listens"


def _too_late(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"not done after {PATIENCE:g} s")


def _sentence(item: pytest.Function) -> str:
    """The name of a test as it is meant to be read."""
    sentence = item.originalname.removeprefix("test_").replace("_", " ")
    return f"{sentence} ({item.callspec.id})" if hasattr(item, "callspec") else sentence

"""The process of a check.

It reads one line: the address of a store, or the MODULE:NAME of what makes one. It says JSON lines, whose `event` is:

- ``begins``: how many promises are tried, in `promises`;
- ``promise``: one was tried. `name` is its sentence, `outcome` is kept, broken or untried, `seconds` is how long it
  took; `reason` is why it is not kept, in one line, and `traceback` shows where that was found;
- ``left``: what was made for the check could not be removed: `text`;
- ``error``: there was nothing to check, and why: `text`;
- ``verdict``: how many promises are `kept`, `broken` and `untried`.

Exit status: 0 when all that were tried are kept, 1 when one is broken, 2 after an error, 130 when it was interrupted.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from sojourn.errors import SojournError
from sojourn.store.base import Opens, power
from sojourn.testing.check.lines import Lines
from sojourn.testing.check.progress import Progress
from sojourn.testing.check.reason import reason_of
from sojourn.testing.check.subject import Subject, Unusable, subject_of
from sojourn.testing.clock import FakeClock

__all__ = ["main"]

INTERRUPTED = 128 + signal.SIGINT
PROMISES = Path(__file__).with_name("promises.py")


def main() -> int:
    """Check the store that stdin names; return the exit status."""
    target = sys.stdin.readline().strip()
    lines = Lines.instead_of_stdout()
    try:
        subject = subject_of(target)
    except (Unusable, SojournError) as error:
        lines.say("error", text=str(error))
        return 2
    progress = Progress(lines, subject)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, progress.interrupt)
    opened = False
    try:
        asyncio.run(_open(subject))
        opened = True
        return _tried(progress, lines)
    except (Unusable, SojournError) as error:
        lines.say("error", text=str(error))
        return 2
    finally:
        try:
            asyncio.run(subject.remove())
        except Exception as error:  # noqa: BLE001 - of a store of one's own it may be any
            if opened:
                lines.say("left", text=f"what was made for the check is left there: {error}")


async def _open(subject: Subject) -> None:
    """See whether there is a store at all, rather than find each promise broken."""
    store = subject.make(FakeClock())
    if (opens := power(store, Opens)) is not None:
        try:
            await opens.open()
            await opens.close()
        except SojournError:
            raise
        except Exception as error:
            raise Unusable(f"opening the store raised {reason_of(error)}; mend that") from error


def _tried(progress: Progress, lines: Lines) -> int:
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # what is installed for other tests has no say in these
    own_rules = ["-c", os.devnull, "--rootdir", str(PROMISES.parent), "--noconftest", "--import-mode=importlib"]
    quiet = ["-p", "no:terminal", "-p", "no:cacheprovider"]
    ended = pytest.main([*own_rules, *quiet, str(PROMISES)], plugins=[progress])
    if ended == pytest.ExitCode.INTERRUPTED:
        return INTERRUPTED
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        lines.say("error", text=f"pytest {pytest.__version__} cannot run the contract; install pytest 9")
        return 2
    lines.say("verdict", **progress.counts)
    return 1 if progress.counts["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())

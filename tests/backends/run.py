"""Run: servers that others wrote, through each client, and what their logs say; and the page that tells of it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from tests.applications.installation import Failed
from tests.backends import page
from tests.backends.known import BACKENDS
from tests.backends.page import Found, Outcome
from tests.backends.trial import try_out

PLACES = Path(tempfile.gettempdir()) / "sojourn-backends"


def run(name: str, places: Path) -> Outcome:
    """Try one of them out. `places`: where it is installed, and kept for the next time."""
    known = BACKENDS[name]
    outcome = Outcome(name=name)
    with tempfile.TemporaryDirectory(prefix="sojourn-backend-", ignore_cleanup_errors=True) as directory:
        try:
            server = known.start(places, Path(directory))
        except Failed as error:
            outcome.failure = str(error)
            _tell(f"{known.title}: {error}")
            return outcome
        outcome.versions = dict(server.versions)
        try:
            for client, caller in known.callers.items():
                trial = asyncio.run(try_out(server, caller))
                outcome.clients[client] = Found(checks=trial.checks, sign_ins=trial.sign_ins, left=trial.left)
                _tell_of(known.title, client, outcome.clients[client])
        finally:
            server.stop()
    return outcome


def _tell_of(title: str, client: str, found: Found) -> None:
    passed = sum(check.passed for check in found.checks)
    _tell(f"{title}, {client}: {passed} of {len(found.checks)} passed")
    for check in found.checks:
        if not check.passed:
            _tell(f"  FAILED {check.name}: {check.found}")


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the news of a long run


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/backends", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BACKENDS], help="which; all by default")
    parser.add_argument("--places", type=Path, default=PLACES, help=f"where they are installed ({PLACES})")
    given = parser.parse_args()
    logging.getLogger("sojourn").addHandler(logging.NullHandler())  # that passwords are refused is part of the trial
    given.places.mkdir(exist_ok=True)
    outcomes = [run(name, given.places) for name in given.names or BACKENDS]
    for outcome in outcomes:
        page.keep(outcome, given.places)
    page.write(given.places)
    return 0 if all(outcome.good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())

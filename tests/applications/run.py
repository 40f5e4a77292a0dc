"""Run: real applications, before and after the move, over each store; and the page that tells of it."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tests.applications import page
from tests.applications.application import Application
from tests.applications.installation import Failed, Installation, wheel
from tests.applications.known import APPLICATIONS
from tests.applications.page import Outcome
from tests.applications.trial import OWN, Trial
from tests.faults.ground.stores import KINDS, store

PLACES = Path(tempfile.gettempdir()) / "sojourn-applications"
NAMESPACES = {"postgres": "schema", "valkey": "prefix"}


async def run(names: Sequence[str], stores: Sequence[str], places: Path) -> list[Outcome]:
    """Try the applications of these names. `places`: where they are installed, and kept for the next time."""
    outcomes = []
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sojourn-wheel-")))
        built = await asyncio.to_thread(wheel, directory)
        servers = {kind: await stack.enter_async_context(store(kind)) for kind in stores if kind in NAMESPACES}
        for name in names:
            addresses = {kind: server.address(server.port) for kind, server in servers.items()}
            outcome = await asyncio.to_thread(_try, APPLICATIONS[name], built, places, stores, addresses)
            page.keep(outcome, places)
            outcomes.append(outcome)
    return outcomes


def _try(
    application: Application, built: Path, places: Path, stores: Sequence[str], addresses: dict[str, str]
) -> Outcome:
    installed = Installation(application, places)
    outcome = Outcome(name=application.name)
    with tempfile.TemporaryDirectory(prefix="sojourn-application-", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        trial = Trial(application, installed, home)
        try:
            installed.install(built)
            outcome.version = installed.version(application.name)
            outcome.framework = f"{application.framework} {installed.version(application.framework)}"
            trial.prepare()
        except Failed as error:
            outcome.failure = str(error)
            _tell(f"{application.name}: {error}")
            return outcome
        for kind in (OWN, *stores):
            outcome.checks[kind] = trial.run(_address(kind, application, home, addresses))
            _tell_of(outcome, kind)
    return outcome


def _address(kind: str, application: Application, home: Path, addresses: dict[str, str]) -> str | None:
    if kind == OWN:
        return None
    if kind == "sqlite":
        return f"sqlite:///{home}/sessions.db"
    namespace = application.name.replace("-", "_")
    return f"{addresses[kind]}?{NAMESPACES[kind]}={namespace}"


def _tell_of(outcome: Outcome, kind: str) -> None:
    for door, checks in outcome.checks[kind].items():
        passed = sum(check.passed for check in checks)
        _tell(f"{outcome.name} {outcome.version}, {door}, {kind}: {passed} of {len(checks)} passed")
        for check in checks:
            if not check.passed:
                _tell(f"  FAILED {check.name}: {check.found}")


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the news of a long run


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/applications", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *APPLICATIONS], help="which; all by default")
    parser.add_argument("--stores", nargs="+", default=["sqlite", "valkey"], choices=sorted(KINDS))
    parser.add_argument("--places", type=Path, default=PLACES, help=f"where they are installed ({PLACES})")
    given = parser.parse_args()
    given.places.mkdir(exist_ok=True)
    outcomes = asyncio.run(run(given.names or [*APPLICATIONS], given.stores, given.places))
    page.write(given.places)
    return 0 if all(outcome.good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())

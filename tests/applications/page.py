"""Page: docs/reference/applications.md, of what the last run of each application found."""

from __future__ import annotations

from pathlib import Path

import msgspec
from tests.applications.application import Application
from tests.applications.known import APPLICATIONS, UNFIT
from tests.applications.trial import OWN
from tests.applications.visit import CHECKS, OUTSIDE, Check

__all__ = ["Outcome", "keep", "text", "write"]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "applications.md"
TITLES = {OWN: "before", "sqlite": "SQLite", "postgres": "PostgreSQL", "valkey": "Valkey"}


class Outcome(msgspec.Struct, kw_only=True):
    """What came of an application."""

    name: str
    version: str = ""
    framework: str = ""
    failure: str = ""
    """Why it could not be tried."""
    checks: dict[str, dict[str, list[Check]]] = msgspec.field(default_factory=dict)
    """By store, then by door."""

    @property
    def good(self) -> bool:
        """Whether all went well after the move."""
        after = [
            check for kind, doors in self.checks.items() if kind != OWN for each in doors.values() for check in each
        ]
        return not self.failure and bool(after) and all(check.passed for check in after)


def keep(outcome: Outcome, places: Path) -> None:
    """Keep it for the page."""
    (places / f"{outcome.name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(outcome)))


def write(places: Path) -> None:
    """Write the page."""
    files = [places / f"{name}.json" for name in APPLICATIONS]
    PAGE.write_text(text([msgspec.json.decode(file.read_bytes(), type=Outcome) for file in files if file.exists()]))


def text(outcomes: list[Outcome]) -> str:
    """The page."""
    kinds = [kind for kind in TITLES if any(kind in outcome.checks for outcome in outcomes)]
    lines = [*_HEAD, "", *_row(["application", "on", "its own sessions", "way in", *(TITLES[kind] for kind in kinds)])]
    lines += _row(["---"] * (4 + len(kinds)))
    lines += [line for outcome in outcomes if not outcome.failure for line in _rows(outcome, kinds)]
    lines += ["", "## What was asked", "", *_asked(), "", "## What failed", "", *_failed(outcomes)]
    lines += ["", "## The setting", "", *_settings(outcomes), "## What could not be tried", "", *_unfit(outcomes), ""]
    return "\n".join(lines)


_HEAD = """\
# Applications

Applications that others wrote, from the package index, each with its own database and a user, served by two processes.
They are driven over HTTP: a page is asked for, the form is sent with its token against forgery, the page is there, the
way out closes it. First with the sessions that they bring, then with ours and nothing else changed, over each store.

`scripts/applications` installs and drives them, and has written this page. It takes a network and half an hour, so it
is not part of the tests; one of them drives an application of ours in the same way.
""".splitlines()


def _row(cells: list[str]) -> list[str]:
    return [f"| {' | '.join(cells)} |"]


def _rows(outcome: Outcome, kinds: list[str]) -> list[str]:
    own = APPLICATIONS[outcome.name].own
    lines = []
    for door in APPLICATIONS[outcome.name].doors:
        figures = [_figure(outcome.checks.get(kind, {}).get(door.name)) for kind in kinds]
        lines += _row([f"{outcome.name} {outcome.version}", outcome.framework, own, door.name, *figures])
    return lines


def _figure(checks: list[Check] | None) -> str:
    return "–" if checks is None else f"{sum(check.passed for check in checks)} of {len(checks)}"


def _asked() -> list[str]:
    return [f"- It {what}{' (after the move)' if name in OUTSIDE else ''}." for name, what in CHECKS.items()]


def _failed(outcomes: list[Outcome]) -> list[str]:
    lines = []
    for outcome in outcomes:
        for kind, doors in outcome.checks.items():
            for door, checks in doors.items():
                found = [f"{CHECKS.get(each.name, each.name)} ({each.found})" for each in checks if not each.passed]
                lines += [f"- {outcome.name}, {door}, {TITLES[kind]}. Not so: {'; '.join(found)}."] if found else []
    return lines or ["Nothing."]


def _settings(outcomes: list[Outcome]) -> list[str]:
    lines = ["The whole change of each. It stands in a module `moved` beside the application.", ""]
    for outcome in outcomes:
        if not outcome.failure:
            application = APPLICATIONS[outcome.name]
            lines += [
                f"{application.name}, {_how(application)}:",
                "",
                "```text",
                *application.setting.splitlines(),
                "```",
                "",
            ]
    return lines


def _how(application: Application) -> str:
    if application.moved_environment:
        return ", ".join(f"with `{name}={value}`" for name, value in application.moved_environment.items())
    if application.moved_target:
        return f"where `{application.moved_target}` is served in place of `{application.target}`"
    return "in its configuration"


def _unfit(outcomes: list[Outcome]) -> list[str]:
    lines = [f"- `{name}`: {why}." for name, why in UNFIT.items()]
    return lines + [f"- `{outcome.name}`: {outcome.failure}" for outcome in outcomes if outcome.failure]

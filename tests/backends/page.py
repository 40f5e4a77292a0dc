"""Page: docs/reference/back-ends.md, of what the last run of each back end found."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import msgspec
from tests.backends.known import BACKENDS
from tests.backends.trial import CHECKS, Check

__all__ = ["Found", "Outcome", "keep", "text", "write"]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "back-ends.md"
CLIENTS = ("httpx2", "aiohttp", "requests", "zeep", "pyodata")


class Found(msgspec.Struct, kw_only=True):
    """What came of a client."""

    checks: list[Check]
    sign_ins: list[int]
    """For each of the times that calls came at once."""
    left: int
    """Sessions that the back end held after the end, when it had forgotten the session in between, twice."""


class Outcome(msgspec.Struct, kw_only=True):
    """What came of a back end."""

    name: str
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    failure: str = ""
    """Why it could not be tried."""
    clients: dict[str, Found] = msgspec.field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether all went well."""
        checks = [check for found in self.clients.values() for check in found.checks]
        return not self.failure and bool(checks) and all(check.passed for check in checks)


def keep(outcome: Outcome, places: Path) -> None:
    """Keep it for the page."""
    (places / f"{outcome.name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(outcome)))


def write(places: Path) -> None:
    """Write the page."""
    files = [places / f"{name}.json" for name in BACKENDS]
    PAGE.write_text(text([msgspec.json.decode(file.read_bytes(), type=Outcome) for file in files if file.exists()]))


def text(outcomes: list[Outcome]) -> str:
    """The page."""
    tried = [outcome for outcome in outcomes if not outcome.failure]
    lines = [*_HEAD, "", _row("back end", "client", "checks", "sign-ins", "sessions left")]
    lines.append(_row(*["---"] * 5))
    lines += [line for outcome in tried for line in _rows(outcome)]
    lines += ["", *_LEFT, "", "## What was asked", "", "The back end", ""]
    lines += [f"- {what}" for what in CHECKS.values()]
    lines += ["", "## What failed", "", *_failed(tried), "", "## The back ends", ""]
    lines += [line for outcome in tried for line in _about(outcome)]
    lines += ["### The clients", "", f"- {', '.join(f'{name} {version(name)}' for name in CLIENTS)}.", ""]
    lines += [
        *_SHORT,
        *(f"- {BACKENDS[each.name].title} was not tried: {each.failure}" for each in outcomes if each.failure),
    ]
    return "\n".join([*lines, ""])


_HEAD = """\
# Back ends

Servers that others wrote, each in processes of its own, called through each client that fits, all calls of a kind at
once. What counts is what the server says: how often it was signed in stands in its own log, and what its sessions are
in its own store.

`scripts/backends` installs and drives them, and has written this page. It takes a network and some minutes, so it is
not part of the tests; they drive the one that needs neither, through one client.
""".splitlines()

_LEFT = """\
Sign-ins: for fifty changes, for fifty calls after them, and for fifty calls and fifty changes each after the session
was forgotten.

Sessions left: at the back end after the end, when it had forgotten the session in between, twice, each time before
fifty calls at once. We hold none of those. Tomcat begins one for each call that comes with a cookie that it does not
know, to keep that call until after the sign-in; they expire.
""".splitlines()

_SHORT = """\
## What falls short

- The SAP systems themselves: none is to be had here. The mock server is SAP's own, but the sign-in, the sessions and
  the check of tokens before it are those of the packages that are named, put together here in fifty lines.
- The mock server does not undo escapes in a path, so pyodata is told not to write any (`encode_path=False`). It answers
  a `$batch` with 200 in the place of 202, which pyodata takes for a failure; so no batch is among the calls.
- zeep and pyodata wait; they are called in 16 threads that share one client of theirs.
- Sessions are forgotten between calls. Tomcat answers some of the calls that are under way at that moment with 500, and
  they are the application's. If it forgets a session between the form and the page after it, it shows the form once
  more, as it does after a wrong password, and that is told as `SignInFailed`; the next call signs in.
- All of it goes over http on one machine. Django over https, where it asks for a Referer, is part of the tests.
""".splitlines()


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rows(outcome: Outcome) -> list[str]:
    title = BACKENDS[outcome.name].title
    return [
        _row(
            title,
            client,
            f"{sum(each.passed for each in found.checks)} of {len(found.checks)}",
            ", ".join(map(str, found.sign_ins)),
            str(found.left),
        )
        for client, found in outcome.clients.items()
    ]


def _failed(outcomes: list[Outcome]) -> list[str]:
    lines = []
    for outcome in outcomes:
        for client, each in outcome.clients.items():
            found = [f"{CHECKS[check.name]} ({check.found})" for check in each.checks if not check.passed]
            lines += [f"- {BACKENDS[outcome.name].title}, {client}. Not so: {'; '.join(found)}."] if found else []
    return lines or ["Nothing."]


def _about(outcome: Outcome) -> list[str]:
    known = BACKENDS[outcome.name]
    versions = ", ".join(f"{name} {version}" for name, version in outcome.versions.items())
    return [
        f"### {known.title[0].upper()}{known.title[1:]}",
        "",
        f"- Made of: {versions}.",
        f"- Signed in by: {known.signs_in}.",
        f"- Made to forget: {known.forgets}.",
        f"- Read from: {known.counted}.",
        "",
    ]

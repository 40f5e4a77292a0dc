"""Writes docs/reference/outbound.md from the code: what can be set for back ends, what is told, and what goes wrong."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import msgspec
from docs.reading import arguments, called, fields, options, paragraphs, signature, texts

from sojourn import errors, outbound
from sojourn.core.events import Detail
from sojourn.outbound import Backend, Exchange, events

__all__ = ["page"]

PAGE = Path(__file__).parent / "reference" / "outbound.md"

_SIGN_IN = (outbound.Basic, outbound.Bearer, outbound.ClientCredentials, outbound.Form, outbound.SignInWith)
_TOKENS = (outbound.Fetched, outbound.DoubleSubmit, outbound.MetaTag)
_CLOSING = (outbound.Logout, outbound.LastCall)
_OF_BACKEND = (Backend.exchange, Backend.aforget, Backend.forget, Backend.listen, Backend.aclose, Backend.close)
_OF_EXCHANGE = (
    Exchange.httpx2, Exchange.httpx2_sync, Exchange.aiohttp, Exchange.requests, Exchange.signed_in_as, Exchange.copy,
)  # fmt: skip

_ABOUT_EVENTS = """\
`backend.listen(function)` hears all but the details; `backend.listen(function, CallSent, CallAnswered)` hears these.
They are in `sojourn.outbound.events`. The log `sojourn.outbound` has each of them at DEBUG, and at WARNING those that
somebody should look at."""

_ABOUT_ERRORS = """\
They are in `sojourn.errors`, beside `SettingError` for what cannot be set. What a call comes to besides, as a
connection that is refused, is an error of httpx2, aiohttp or requests. The status is what
[an application](../how-to/call-for-visitors.md) with our middleware answers, if it does not catch the error."""


def page() -> str:
    """The page."""
    parts = [
        "# Outbound",
        "",
        "Made from the code by `scripts/reference`. [How to begin](../how-to/reuse-a-session.md).",
        "",
    ]
    parts += ["## Backend", "", *_called_with_all(Backend), *paragraphs(Backend), "", *options(Backend.__init__), ""]
    parts += [*_methods("backend", _OF_BACKEND), ""]
    parts += ["## Exchange", "", *paragraphs(Exchange), "", *_methods("exchange", _OF_EXCHANGE), ""]
    parts += ["## Limits", "", *_described(outbound.Limits)]
    parts += ["## Who signs in", "", *_each(_SIGN_IN)]
    parts += ["## Tokens against forged requests", "", *_each(_TOKENS)]
    parts += ["## How a session is closed", "", *_each(_CLOSING)]
    parts += ["## How cookies are kept", "", *_each((outbound.Jar, outbound.Domains))]
    parts += ["## Events", "", *_events(), ""]
    parts += ["## Errors", "", *_errors(), ""]
    return "\n".join(parts).rstrip() + "\n"


def _called_with_all(kind: type) -> list[str]:
    lines = [f"    {each}," for each in signature(kind)]
    return [
        "<!-- skip: next -->",
        "```python",
        f"from sojourn.outbound import {kind.__name__}",
        "",
        f"{kind.__name__}(",
        *lines,
        ")",
        "```",
        "",
    ]


def _each(kinds: tuple[type, ...]) -> list[str]:
    return [line for kind in kinds for line in (f"### {kind.__name__}", "", *_described(kind))]


def _described(kind: Any) -> list[str]:
    """What it is, and what can be set of it, wherever the code says that."""
    told = [f"`{_called(kind.__name__, kind)}`", "", *paragraphs(kind), ""]
    if issubclass(kind, msgspec.Struct) or hasattr(kind, "__dataclass_fields__"):
        return [*told, *fields(kind), ""]
    return [*told, *(arguments(kind.__init__) or options(kind.__init__)), ""]


def _methods(of: str, methods: tuple[Any, ...]) -> list[str]:
    rows = [f"| `{_called(f'{of}.{each.__name__}', each)}` | {_told(each)} |" for each in methods]
    return ["| | |", "|---|---|", *rows]


def _called(name: str, what: Any) -> str:
    return f"{'await ' if inspect.iscoroutinefunction(what) else ''}{name}({called(what)})"


def _told(what: Any) -> str:
    return " ".join(filter(None, paragraphs(what)))


def _events() -> list[str]:
    kinds = [getattr(events, name) for name in events.__all__ if name != "BackendEvent"]
    return [
        *_ABOUT_EVENTS.splitlines(),
        "",
        f"{_told(events.BackendEvent)} `principal`: {texts(events.BackendEvent)['principal']}",
        "",
        *_table([each for each in kinds if not issubclass(each, Detail)]),
        "",
        "Details, of each single request:",
        "",
        *_table([each for each in kinds if issubclass(each, Detail)]),
    ]


def _table(kinds: list[Any]) -> list[str]:
    rows = [f"| `{each.__name__}` | {_told(each)} | {_more(each)} |" for each in kinds]
    return ["| event | what happened | what it tells besides |", "|---|---|---|", *rows]


def _more(kind: Any) -> str:
    about = texts(kind)
    own = [each.name for each in msgspec.structs.fields(kind) if each.name not in ("ref", "app", "principal")]
    return " ".join(f"`{name}`: {about[name]}" if name in about else f"`{name}`." for name in own)


def _errors() -> list[str]:
    kinds = [kind for name in errors.__all__ if issubclass(kind := getattr(errors, name), errors.BackendError)]
    kinds.sort(key=lambda kind: (kind is not errors.BackendError, kind.__name__))
    rows = [f"| `{each.__name__}` | {each.status_hint} | {_told(each)} |" for each in kinds]
    return [
        *_ABOUT_ERRORS.splitlines(),
        "",
        "| error | status | what it says |",
        "|---|---|---|",
        *rows,
    ]


if __name__ == "__main__":
    PAGE.write_text(page())

"""Rewriting: the id in the path of a URL, as `/cart;jsessionid=…?page=2`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sojourn.errors import SettingError

__all__ = ["Parameters", "Rewriting"]

Parameters = Sequence[tuple[str, str]]
"""Names and values that were taken out of a path."""

_NAME = re.compile(r"[A-Za-z0-9_.~-]{1,64}")  # RFC 3986 §2.3: what no two programs spell in different ways


_DOT = re.compile(r"%2[eE]")


@dataclass(frozen=True, kw_only=True)
class Rewriting:
    """How ids travel in URLs. It is for visitors without cookies, and off unless `tracking` holds `"url"`.

    A URL is copied, sent on, printed and logged, and whoever has it has the session: say whose requests are with
    `identity` of `Sessions`, and it opens nothing to others.
    """

    name: str = "jsessionid"
    """Of the parameter, behind a `;` at the end of the path: as in the servlet world, whose balancers know it."""
    always_encode: bool = True
    """Encode URLs also for visitors whose cookie came back; as WebSphere does. False keeps the id out of their URLs."""
    protocol_switch: bool = False
    """Encode URLs that lead from http to https or back, too."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise SettingError(f"Rewriting(name={self.name!r}): give 1 to 64 letters, digits, - . _ or ~")
        for name in ("always_encode", "protocol_switch"):
            if type(getattr(self, name)) is not bool:
                raise SettingError(f"Rewriting({name}=…): give True or False")

    @property
    def route_name(self) -> str:
        """The name of the parameter that carries the route alone, where something else carries the id."""
        return f"{self.name}-route"

    def take_out(self, path: str) -> tuple[str, Parameters]:
        """The path as the application is to see it, and what carried an id in it; wherever in the path it stood.

        For a framework's side: done before anything routes by the path, or logs it. What leads up, or to nothing,
        without a parameter is left as it is: `/..;jsessionid=x/admin` must not get past who let it through.
        """
        if self.name not in path:
            return path, ()
        found: list[tuple[str, str]] = []
        steps = path.split("/")
        for at, step in enumerate(steps):
            bare = self._parameter.sub("", step)
            if not _misleads(bare, last=at == len(steps) - 1):
                found += self._parameter.findall(step)
                steps[at] = bare
        return "/".join(steps), found

    def strip(self, path: str) -> str:
        """The path of a URL that is to be encoded, without what it had of that before."""
        front, slash, name = path.rpartition("/")
        return self.take_out(front + slash)[0] + self._parameter.sub("", name)

    def scrub(self, target: str) -> str:
        """The same of a request target as it came, percent-encoded and with its query: what servers log."""
        if self.name not in target:
            return target
        path, mark, query = target.partition("?")
        steps = path.split("/")
        for at, step in enumerate(steps):
            bare = self._escaped.sub("", step)
            if not _misleads(_DOT.sub(".", bare), last=at == len(steps) - 1):
                steps[at] = bare
        return "/".join(steps) + mark + query

    @cached_property
    def _parameter(self) -> re.Pattern[str]:
        return re.compile(rf";({re.escape(self.name)}(?:-route)?)=([^;/]*)")

    @cached_property
    def _escaped(self) -> re.Pattern[str]:
        """As a client may have spelled what a server decodes to that."""
        return re.compile(rf"(?:;|%3[Bb]){re.escape(self.name)}(?:-route)?(?:=|%3[Dd])(?:(?!%3[Bb]|%2[Ff])[^;/])*")


def _misleads(step: str, *, last: bool) -> bool:
    """Whether a step of a path is one that means something else than a name."""
    return step in (".", "..") or not (step or last)

"""The cookie cases of others, as values: for a jar alone, or for a client that talks to a real server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

DATA = Path(__file__).parent / "data"
HTTP_STATE_NOW = 1_293_840_000.0  # 2011-01-01: its dates lie in 2007, 2019 and 2027
WPT_NOW = 1_767_225_600.0  # 2026-01-01


@dataclass(frozen=True, kw_only=True)
class Case:
    """A server at `set_url` answers with these Set-Cookie, at `now`; then a request to `get_url` carries `expected`."""

    id: str
    set_url: str
    set_cookies: tuple[bytes, ...]
    get_url: str
    expected: bytes | None
    now: float
    standard: Literal["rfc6265bis", "rfc6265"] = "rfc6265bis"
    """Which one asks for that: cookies without a name, and what an empty Domain means, were settled in between."""

    @property
    def on_wire(self) -> bool:
        """Whether the octets can be in a header (RFC 9110 §5.5): else no server can send them."""
        return not any(octet in value for value in self.set_cookies for octet in (0, 10, 13))


def cases() -> list[Case]:
    """All that apply to a client that reads headers."""
    return http_state() + web_platform()


def http_state() -> list[Case]:
    """The 218 of http-state that are not disabled."""
    found = json.loads((DATA / "http-state.json").read_text())
    return [_http_state(each) for each in found if not each["test"].startswith("DISABLED")]


def _http_state(each: dict[str, Any]) -> Case:
    target = each.get("sent-to", f"/cookie-parser-result?{each['test'].lower()}").replace(":8888", "")
    pairs = [f"{cookie['name']}={cookie['value']}" if cookie["name"] else cookie["value"] for cookie in each["sent"]]
    return Case(
        id=f"http-state {each['test']}",
        set_url=f"http://home.example.org/cookie-parser?{each['test'].lower()}",
        set_cookies=tuple(value.encode() for value in each["received"]),
        get_url=target if target.startswith("http") else f"http://home.example.org{target}",
        expected="; ".join(pairs).encode() or None,
        now=HTTP_STATE_NOW,
        standard="rfc6265",
    )


def web_platform() -> list[Case]:
    """Those of the web platform tests. What a script sets is a header here, and what one reads is a request."""
    return [_web_platform(each) for each in json.loads((DATA / "wpt.json").read_text())]


_OLDER = ("cookies/attributes/resources/domain-child.sub.html", 42)  # decided otherwise in httpwg/http-extensions#1709


def _web_platform(each: dict[str, Any]) -> Case:
    return Case(
        id=f"{each['file'].removeprefix('cookies/')} {each['n']}: {each['name']}",
        set_url=each["set_url"],
        set_cookies=tuple(value.encode() for value in each["set_cookie"]),
        get_url=each["get_url"],
        expected=each["expected"].encode() or None,
        now=WPT_NOW,
        standard="rfc6265" if (each["file"], each["n"]) == _OLDER else "rfc6265bis",
    )

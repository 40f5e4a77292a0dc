"""Address: where the servers are, and how to speak to them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

import msgspec

from sojourn.errors import SettingError

__all__ = ["SCHEMES", "Address"]

TIMEOUT = 5.0  # a healthy server answers within milliseconds; what takes longer would hold up a visitor in vain
CONNECT_TIMEOUT = 2.0  # a lost SYN is sent again after one second

_SERVERS = ("valkey", "valkeys", "redis", "rediss")
SCHEMES = (*_SERVERS, *(f"{name}+{kind}" for kind in ("cluster", "sentinel") for name in _SERVERS), "valkey+unix")
"""What an address may begin with."""

Place = tuple[str, int] | str


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """An address, taken apart."""

    kind: Literal["server", "cluster", "sentinel"] = "server"
    hosts: tuple[Place, ...]
    name: str = ""
    db: int = 0
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    prefix: str = "sojourn"
    timeout: float = TIMEOUT
    connect_timeout: float = CONNECT_TIMEOUT

    @classmethod
    def parse(cls, url: str) -> Address:
        """The address that `url` spells. Raises `SettingError`, whose message never holds a password."""
        scheme, _, rest = url.partition("://")
        protocol, _, kind = scheme.partition("+")
        if scheme not in SCHEMES:
            scheme = scheme.partition(":")[0]
            raise SettingError(f"{scheme}:… names no Valkey; write valkey://host/0, or one of {', '.join(SCHEMES)}")
        if "#" in rest:
            raise SettingError(f"{scheme}://… write %23 for a # in an address")
        rest, _, query = rest.partition("?")
        tls = protocol in ("valkeys", "rediss")
        try:
            if kind == "unix":
                where: dict[str, Any] = {"hosts": ("/" + unquote(rest).lstrip("/"),)}
            else:
                signed, _, path = rest.partition("/")
                credentials, _, hosts = signed.rpartition("@")
                where = _credentials(credentials) | _where(kind, hosts, path)
            return cls(tls=tls, **(_settings(query, tls=tls) | where))
        except (ValueError, msgspec.ValidationError, TypeError) as error:
            raise SettingError(f"{scheme}://…: {error}") from None

    def __repr__(self) -> str:
        return f"<Address of {self.kind} {', '.join(map(spoken, self.hosts))}>"


def spoken(place: Place) -> str:
    """A place as people write it."""
    return place if isinstance(place, str) else f"{place[0]}:{place[1]}"


def _where(kind: str, hosts: str, path: str) -> dict[str, Any]:
    default = 26379 if kind == "sentinel" else 6379
    found: dict[str, Any] = {"hosts": tuple(_host(each, default) for each in hosts.split(","))}
    name = ""
    if kind == "sentinel":
        name, _, path = path.partition("/")
        if not name:
            raise ValueError("name the service after the hosts of its sentinels: valkey+sentinel://host,host/name")
    if kind == "cluster" and path:
        raise ValueError("a cluster has one database, without a number")
    if path:
        if not path.isdecimal():
            raise ValueError("after the host stands the number of a database, as in valkey://host/1")
        found["db"] = int(path)
    return found | {"kind": kind or "server", "name": unquote(name)}


def _host(text: str, default: int) -> Place:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(default)
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("a port is a number from 1 to 65535")
    return host.strip("[]") or "localhost", int(port)


def _credentials(text: str) -> dict[str, Any]:
    username, _, password = text.partition(":")
    return {"username": unquote(username) or None, "password": unquote(password) or None}


def _settings(query: str, *, tls: bool) -> dict[str, Any]:
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    given = dict(pairs)
    if len(given) < len(pairs):
        raise ValueError("a setting is given twice")
    known: dict[str, Callable[[str], Any]] = {
        "prefix": str,
        "timeout": _seconds,
        "connect_timeout": _seconds,
        "db": int,
    }
    if tls:
        known |= {"ca": str, "cert": str, "key": str}
    unknown = ", ".join(sorted(given.keys() - known.keys()))
    if unknown:
        raise ValueError(f"unknown setting {unknown}; there are {', '.join(known)}")
    if not set("{}*?[]\0").isdisjoint(given.get("prefix", "")) or given.get("prefix") == "":
        raise ValueError("a prefix is not empty and has none of {}*?[]")
    return {name: known[name](value) for name, value in given.items()}


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) < float("inf"):
            return seconds
    raise ValueError("a time limit is a number of seconds above 0")

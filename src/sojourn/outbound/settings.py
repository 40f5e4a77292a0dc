"""Settings: what was set for a back end, checked and read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from urllib.parse import urlsplit

from sojourn.errors import SettingError
from sojourn.outbound.jar.hosts import canonical
from sojourn.outbound.limits import Limits

__all__ = ["check", "check_shared", "names_of_session", "origin_of", "sharing"]


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, and a slash. Raises `SettingError`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingError("Backend(url): give an address with its scheme, such as https://erp.example.com/api")
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingError("Backend(url): leave out user and query; give auth=(…, …), and the query with each call")
    host = canonical(f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname)
    if host is None:
        raise SettingError(f"Backend(url): {parts.hostname!r} is no name of a host")
    usual = port in (None, 443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{host}{'' if usual else f':{port}'}/"


def check(reuse: str, identity: str, limits: object, key: object, *, stateful: bool) -> None:
    """Raise `SettingError` for what a back end cannot be set up with."""
    if reuse not in ("none", "exchange", "flow", "user"):
        raise SettingError(f"Backend(reuse={reuse!r}): give 'none', 'exchange', 'flow' or 'user'")
    if identity not in ("each", "first"):
        raise SettingError(f"Backend(identity={identity!r}): give 'each' or 'first'")
    if stateful and reuse in ("none", "flow"):
        raise SettingError(
            f"Backend(stateful=True, reuse={reuse!r}): a state is of one exchange; give reuse='exchange'"
        )
    if not isinstance(limits, Limits):
        raise SettingError("Backend(limits=…): give Limits(calls=20), or others of its settings")
    if not isinstance(key, bytes | None):
        raise SettingError("Backend(key=…): give bytes, the same on each node, or None for a key of this object's own")


def names_of_session(session_cookie: str) -> re.Pattern[str]:
    """What matches the names of its cookies. Raises `SettingError`."""
    try:
        return re.compile(session_cookie)
    except (TypeError, re.error):
        raise SettingError(
            "Backend(session_cookie=…): give a regular expression, such as 'MYSESSION' or '.*SESSION'"
        ) from None


def check_shared(reuse: str, identity: str, *, stateful: bool) -> None:
    """Raise `SettingError` for what cannot be together with a store."""
    if reuse not in ("flow", "user"):
        raise SettingError(f"Backend(store=…, reuse={reuse!r}): give 'flow' or 'user', which outlive an exchange")
    if identity != "each" or stateful:
        raise SettingError(
            "Backend(store=…): with identity='first' or stateful=True a session is of one process; give no store"
        )


def sharing(origin: str, hosts: Iterable[str]) -> Callable[[str], bool]:
    """What tells whether the cookies of a back end are for a URL, too. Those of https are for nothing less."""
    return partial(_shares, tuple(_pattern(host) for host in hosts), origin.partition(":")[0])


def _pattern(host: str) -> re.Pattern[str]:
    name = host.removeprefix("*.")
    if not name or "*" in name or "/" in name:
        raise SettingError(f"Backend(hosts={host!r}): give names of hosts, or what is below one, as '*.example.org'")
    below = r"(?:[\w-]+\.)+" if host != name else ""
    return re.compile(rf"(https?)://{below}{re.escape(name)}(?::\d+)?/", re.IGNORECASE)


def _shares(patterns: tuple[re.Pattern[str], ...], scheme: str, url: str) -> bool:
    return any(
        (match := pattern.match(url)) and (scheme == "http" or match[1].lower() == "https") for pattern in patterns
    )

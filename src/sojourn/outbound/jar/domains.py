"""Domains: cookies of a back end that knows itself by other names than we do, as behind a Cloud Connector."""

from __future__ import annotations

from collections.abc import Iterable

from sojourn.errors import SettingError
from sojourn.outbound.jar.hosts import canonical

__all__ = ["Domains"]


class Domains:
    """What the domain of a cookie is called on our side. Names are compared without case and leading dots."""

    __slots__ = ("_names", "_virtual")

    def __init__(self, domains: Iterable[tuple[str, str]] = (), *, hosts: Iterable[tuple[str, str]] = ()) -> None:
        """`domains`: pairs of a virtual domain (ours) and an internal one (what the back end says).

        `hosts`: such pairs of hosts, for cookies whose domain is the internal name of a host itself; a pair of
        `domains` goes before. Raises `SettingError` for what is no domain, and for an internal one with two names.
        """
        self._names = _by_internal(hosts, "hosts") | _by_internal(domains, "domains")
        self._virtual = frozenset(self._names.values())

    def __repr__(self) -> str:
        return f"Domains({len(self._names)} pairs)"

    def names(self, domain: str) -> bool:
        """Whether a canonical domain is a virtual one."""
        return domain in self._virtual

    def virtual(self, domain: str) -> str:
        """A canonical domain in our words; as it is where nothing is known of it."""
        return self._names.get(domain, domain)


def _by_internal(pairs: Iterable[tuple[str, str]], setting: str) -> dict[str, str]:
    names: dict[str, str] = {}
    for virtual, internal in pairs:
        ours, theirs = _domain(virtual, setting), _domain(internal, setting)
        if names.setdefault(theirs, ours) != ours:
            raise SettingError(f"Domains({setting}=…): {theirs!r} has two virtual names; give it one")
    return names


def _domain(name: str, setting: str) -> str:
    domain = canonical(name.removeprefix("."))
    if domain is None:
        raise SettingError(f"Domains({setting}=…): {name!r} is no domain; give pairs (virtual, internal)")
    return domain

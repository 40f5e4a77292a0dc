"""Spring: the `spring.session.*` and `session.serialization.*` properties of SAP Commerce, as settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from sojourn.errors import SettingError
from sojourn.settings.model import Given, Layer, Source
from sojourn.settings.properties import Property
from sojourn.settings.reading import nearest
from sojourn.settings.settings import Settings

__all__ = ["Import", "imported"]

COOKIE = "JSESSIONID"
"""The name of the cookie, where no property says another."""

_OURS = re.compile(r"(?:spring\.session|session\.serialization)\.")
_APPLICATION = re.compile(
    r"spring\.session\.(?P<app>.+?)\.(?P<name>save|(?:cookie\.)?secure|cookie\.(?:name|path|httponly))"
)
_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_WEBROOT = ".webroot"


class Import(NamedTuple):
    """What properties became. `notes`: a line for each of them, and for what has to be known of the others."""

    source: Source
    notes: list[str]


def imported(properties: list[Property], *, store: str | None = None) -> Import:
    """The settings that properties mean, with the defaults that they have where they come from.

    `store`: the address of the one that takes the place of the platform's database. Raises `SettingError` with the file
    and line of a value that the property cannot have.
    """
    found = _Reader(properties).read()
    settings = Settings(found.source)
    for app in settings.applications:
        settings.of(app)
    if store is not None:
        found.source.sessions["store"] = Given(store, "--store")
    elif any(not settings.of(app).stays_in_memory for app in settings.applications):
        found.notes.append("where sessions are kept is in no property: give --store, or write store in [sessions]")
    return found


class _Reader:
    def __init__(self, properties: list[Property]) -> None:
        self._found = {each.name: each for each in properties}  # of one name the last
        self._all = [each for each in properties if _OURS.match(each.name)]
        self._sessions: Layer = {}
        self._applications: dict[str, Layer] = {}
        self._notes: list[str] = []

    def read(self) -> Import:
        for each in self._all:
            if self._found[each.name] is not each:
                self._note(each, f"nothing, since {self._found[each.name].origin} says it again")
                continue
            name, app = each.name, _APPLICATION.fullmatch(each.name)
            if name in _GLOBAL:
                self._put(self._sessions, "[sessions]", each, *_GLOBAL[name])
            elif app is not None:
                layer = self._applications.setdefault(app["app"], {})
                self._put(layer, f"[applications.{app['app']}]", each, *_OF_APPLICATION[app["name"]])
            elif name not in _CHECKS:
                self._note(each, f"nothing: it is not known; {nearest(name, _KNOWN)}")
        self._put_checks()
        self._fill()
        return Import(Source(self._sessions, self._applications), self._notes)

    def _put(self, layer: Layer, where: str, each: Property, key: str, read: Callable[[str], Any]) -> None:
        text = self._meant(each).strip()
        if not text:
            self._note(each, "nothing, since it has no value")
            return
        try:
            layer[key] = Given(read(text), each.origin)
        except ValueError as error:
            raise SettingError(f"{each.origin}: {each.name}: {error}") from None
        became = f"{key} in {where}" if where else "check"
        self._note(each, f"{became}{_REMARKS.get((key, layer[key].value), '')}")

    def _put_checks(self) -> None:
        """Check everywhere, or in the applications that are listed; to log, or to answer with an error."""
        found: Layer = {}
        for name, read in _CHECKS.items():
            if name in self._found:
                self._put(found, "", self._found[name], name, read)
        on, apps, error = (found.get(name) for name in _CHECKS)
        if on is None or not on.value:
            return
        given = Given("error" if error is not None and error.value else "log", on.origin)
        if apps is None:
            self._sessions["check"] = given
        for app in apps.value if apps is not None else ():
            self._applications.setdefault(app, {})["check"] = given

    def _meant(self, each: Property, within: tuple[str, ...] = ()) -> str:
        """The value, with those in it that it refers to."""

        def other(reference: re.Match[str]) -> str:
            name = reference[1]
            if name in (each.name, *within) or name not in self._found:
                problem = "refers to itself" if name in self._found else f"refers to {name}, which is not in the file"
                raise SettingError(f"{each.origin}: {each.name} {problem}; write its value")
            return self._meant(self._found[name], (*within, each.name))

        return _REFERENCE.sub(other, each.value)

    def _fill(self) -> None:
        """Give what has no property the default that it has there."""
        if "failover" not in self._sessions:
            self._sessions["failover"] = Given(value=False, origin="default of spring.session.enabled")
            self._notes.append("spring.session.enabled is not set: false, so all sessions stay in memory")
        self._sessions["cookie.name"] = Given(COOKIE, "default of spring.session.….cookie.name")
        for app, layer in self._applications.items():
            if "cookie.path" not in layer:
                layer["cookie.path"] = self._context_path(app)
            if "save" not in layer:
                self._notes.append(f"spring.session.{app}.save is not set: the sessions of {app} stay in memory")
        if self._applications:
            self._notes.append(
                "secure and cookie.httponly that are not set: true, as they are there, where all requests are https; "
                "to follow the request would make them false behind a proxy that terminates TLS"
            )

    def _context_path(self, app: str) -> Given:
        root = self._found.get(f"{app}{_WEBROOT}")
        if root is not None:
            path, why = self._meant(root).strip() or "/", f"{root.name}"
            self._note(root, f"cookie.path in [applications.{app}]")
        else:
            path, why = f"/{app}", f"an application without {app}{_WEBROOT} is mounted there"
        self._notes.append(
            f"spring.session.{app}.cookie.path is not set: {path}, since {why}; mend it if that is wrong"
        )
        return Given(path, root.origin if root is not None else f"default of spring.session.{app}.cookie.path")

    def _note(self, each: Property, became: str) -> None:
        self._notes.append(f"{each.origin}: {each.name} became {became}")


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _number(text: str) -> int:
    if not re.fullmatch(r"\d+", text, re.ASCII) or not int(text):
        raise ValueError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _milliseconds(text: str) -> float:
    return _number(text) / 1000


def _names(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _mode(text: str) -> str:
    if text not in ("sync", "async"):
        raise ValueError(f"{text!r} is neither sync nor async")
    return text


_REMARKS = {
    ("failover", False): ": all sessions stay in memory",
    ("save", "async"): ", which asks for a balancer that keeps visitors at their node",
    ("cookie.secure", False): ": the cookie goes over plain http, too",
    (
        "session.serialization.check",
        True,
    ): ", which is for development: it warns at the start where the cookie is Secure",
    ("session.serialization.check", False): " = off, as it is by default",
    ("cookie.http_only", False): ": scripts can read the cookie",
}

_GLOBAL: dict[str, tuple[str, Callable[[str], Any]]] = {
    "spring.session.enabled": ("failover", _boolean),
    "spring.session.save.async.interval": ("write.interval", _milliseconds),
    "spring.session.save.async.queue.size": ("write.queue_size", _number),
    "spring.session.save.async.max.items": ("write.max_items", _number),
}

_OF_APPLICATION: dict[str, tuple[str, Callable[[str], Any]]] = {
    "save": ("save", _mode),
    "cookie.name": ("cookie.name", str),
    "cookie.path": ("cookie.path", str),
    "secure": ("cookie.secure", _boolean),
    "cookie.secure": ("cookie.secure", _boolean),
    "cookie.httponly": ("cookie.http_only", _boolean),
}

_CHECKS: dict[str, Callable[[str], Any]] = {
    "session.serialization.check": _boolean,
    "session.serialization.check.extensions": _names,
    "session.serialization.check.response.error": _boolean,
}

_KNOWN = [*_GLOBAL, *_CHECKS, *(f"spring.session.[extension].{name}" for name in _OF_APPLICATION)]

"""The middleware in an application, and how to take some of it out again.

Starlette and FastAPI keep a list, `user_middleware`, until the first request; what is put around by hand, or around a
route or mount, holds what it wraps as `.app`. What a plain function wraps cannot be seen.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sojourn.cli.worker.target import Application

__all__ = ["keeps_sessions", "middleware", "name_of", "without"]

_DATABASE = {"alchemy", "database", "db", "orm", "sql", "sqlalchemy", "sqlmodel"}
_SESSIONS = {"session", "sessions", "starsessions"}


def middleware(app: Application) -> set[Any]:
    """Find the classes of all middleware around an application and around what is mounted in it."""
    found: set[Any] = set()
    for part in _parts(app):
        found.add(type(part))
        found.update(entry.cls for entry in getattr(part, "user_middleware", ()))
    return found


def without(app: Application, unwanted: Callable[[Any], bool]) -> Application:
    """Take the unwanted middleware out of an application; return what is to be served instead."""
    for part in list(_parts(app)):
        if hasattr(part, "user_middleware"):
            part.user_middleware = [entry for entry in part.user_middleware if not unwanted(entry.cls)]
            part.middleware_stack = None  # built anew from the list at the next request
        inner = getattr(part, "app", None)
        if inner is not None and _bare(inner, unwanted) is not inner:
            part.app = _bare(inner, unwanted)
    return cast("Application", _bare(app, unwanted))


def keeps_sessions(kind: Any) -> bool:
    """Tell by its name whether a middleware keeps HTTP sessions; those of a database are something else."""
    name = _words(kind.__qualname__)
    all_words = name | _words(kind.__module__)
    return "middleware" in name and bool(all_words & _SESSIONS) and not all_words & _DATABASE


def name_of(kind: Any) -> str:
    """Name a class as its import does."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _parts(app: object) -> Iterator[Any]:
    """Go through what wraps what, from the outside in, each once."""
    seen: set[int] = set()
    waiting = [app]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        inner = getattr(part, "app", None)
        waiting += [each for each in (inner, *(getattr(part, "routes", None) or ())) if each is not None]


def _bare(app: Any, unwanted: Callable[[Any], bool]) -> Any:
    while unwanted(type(app)) and hasattr(app, "app"):
        app = app.app
    return app


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}

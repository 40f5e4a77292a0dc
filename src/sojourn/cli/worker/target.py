"""MODULE:APP, looked up and checked to be an ASGI application."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from sojourn.cli.mistake import Mistake, told

__all__ = ["Application", "Message", "Receive", "Scope", "Send", "load"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_WANTED = "name an ASGI application, a callable of (scope, receive, send)"


def load(target: str) -> Application:
    """Import the application that `target` names, from the current directory first."""
    module_name, colon, path = target.partition(":")
    if not (colon and all(module_name.split(".")) and all(path.split("."))):
        raise Mistake(f"{target!r} names no application; write MODULE:APP, as in shop:app")
    sys.path.insert(0, str(Path.cwd()))
    found: object = _module(module_name)
    for name in path.split("."):
        found = _attribute(found, name, module_name)
    problem = _problem(found)
    if problem is not None:
        raise Mistake(f"{target} {problem}")
    return cast("Application", found)


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise Mistake(f"importing {name} raised {told(error)}; install it or mend that line") from error
        raise Mistake(f"there is no module {error.name!r} here or installed; {_advice(error.name)}") from error
    except (Exception, SystemExit) as error:
        raise Mistake(f"importing {name} raised {told(error)}; mend that line") from error


def _advice(name: str) -> str:
    neighbours = [entry.stem for entry in Path.cwd().iterdir() if entry.suffix == ".py" or entry.is_dir()]
    near = difflib.get_close_matches(name, neighbours)
    if near:
        return f"did you mean {_listed(near)}?"
    return f"run this in the directory that holds {name.partition('.')[0]}.py"


def _attribute(holder: object, name: str, module_name: str) -> object:
    try:
        return getattr(holder, name)
    except AttributeError:
        public = {each: value for each, value in vars(holder).items() if not each.startswith("_")}
        applications = [each for each, value in public.items() if _problem(value) is None]
        near = difflib.get_close_matches(name, public) or applications[:3]
        advice = f"did you mean {_listed(near)}?" if near else "give the name of your application"
        raise Mistake(f"{module_name} has no {name!r}; {advice}") from None


def _problem(found: object) -> str | None:
    """Say why something cannot be an ASGI application, where that shows before the first request."""
    if inspect.isclass(found):
        return "is a class; name an instance of it"
    if not callable(found):
        return f"is of type {type(found).__name__} and cannot be called; {_WANTED}"
    try:
        inspect.signature(found).bind("scope", "receive", "send")
    except TypeError:
        return f"does not take what ASGI passes; {_WANTED}"
    except ValueError:  # some built-in callables tell no signature
        return None
    return None


def _listed(names: list[str]) -> str:
    return " or ".join(repr(name) for name in names)

"""Reading: a value as a file or the environment writes it becomes one of the type that the setting has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from difflib import get_close_matches
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec

from sojourn.settings.durations import duration
from sojourn.settings.model import KEYS, SECTIONS, Key

__all__ = ["BY_REFERENCE", "nearest", "read"]

BY_REFERENCE = ("file:", "env:")
"""How a file names keys that it does not hold."""

_Hours = tuple[time, time]


def read(key: Key, value: object, *, as_text: bool) -> Any:
    """The value of a setting. Raises `ValueError` that says what was expected, and holds nothing of a secret.

    `false` stands for Python's None where the setting has one. A number of seconds can be written as a duration.
    `as_text`: of the environment, where all is text: lists have commas between their members.
    """
    if key.name == "seal":
        return _seal(value, as_text=as_text)
    kinds = get_args(key.kind) or (key.kind,)
    if as_text and value in ("true", "false"):
        value = value == "true" if bool in kinds or NoneType in kinds else value
    if value is False and (NoneType in kinds or key.kind is NoneType):
        return None
    if as_text and any(get_origin(kind) in (tuple, Sequence) for kind in (key.kind, *kinds)):
        value = [each.strip() for each in str(value).split(",") if each.strip()]
    if _Hours in kinds and isinstance(value, list):
        value = [_hour(each) for each in value]
    if float in kinds and isinstance(value, str) and not (as_text and _is_number(value)):
        return duration(value).total_seconds()
    try:
        found = msgspec.convert(value, key.kind, strict=not as_text)
        return tuple(found) if isinstance(found, list) else found
    except msgspec.ValidationError as error:
        raise ValueError(_expected(str(error), key, kinds)) from None


def nearest(name: str, known: Sequence[str]) -> str:
    """What to say of a name that is not known: what it may be meant to be."""
    found = get_close_matches(name, known, 1)
    deeper = [each for each in KEYS if each.rpartition(".")[2] == name and "." in each]
    if not found and deeper:
        section, _, inner = deeper[0].partition(".")
        return f"{inner} stands in a section {section}"
    return f"did you mean {found[0]}?" if found else f"there are {', '.join(known)}"


def _seal(value: object, *, as_text: bool) -> str | None:
    """Where keys are, or in the environment the keys: they are read when they are used."""
    if value is False or (as_text and value == "false"):
        return None
    if not isinstance(value, str) or not value:
        raise ValueError("expected text, as in file:/run/secrets/session-keys")
    if not as_text and not value.startswith(BY_REFERENCE):
        # A file of settings is copied, reviewed and kept in repositories; keys in it would go along.
        raise ValueError("keys do not stand in a file of settings; name theirs, file:PATH, or a variable, env:NAME")
    return value


def _hour(value: object) -> object:
    """A time of day; its zone may stand behind it, as in 08:00Z."""
    if not isinstance(value, str):
        return value
    try:
        return time.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is no time of day; write it as 08:00, or 08:00Z") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _expected(message: str, key: Key, kinds: tuple[Any, ...]) -> str:
    """What msgspec says, in the words of a file."""
    if key.name in SECTIONS:
        words = [f"{word!r}" for kind in kinds for word in get_args(kind)]
        return f"expected a section, {', '.join([*words, 'or false'])}"
    if message.startswith("Invalid enum value"):
        words = [word for kind in (key.kind, *kinds) for word in (get_args(kind) or (kind,)) if isinstance(word, str)]
        return f"{message[0].lower()}{message[1:]}; give {' or '.join(dict.fromkeys(map(repr, words)))}"
    return message[0].lower() + message[1:].replace("null", "false").replace("object", "section")

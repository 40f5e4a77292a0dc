"""Classes: what is stored of an object, and how the object is made again."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
import types
import typing
from functools import lru_cache
from typing import Any

import msgspec

from sojourn.core.codec.refusal import name_of, refusal

__all__ = [
    "fields_of",
    "is_html",
    "named_parts",
    "open_enum",
    "open_fields",
    "open_html",
    "plain_fields",
    "transient",
    "untagged",
]


transient = type("transient", (), {"__doc__": "Marks a field that is not stored: `socket: Annotated[Any, transient]`."})


def is_html(value: object) -> bool:
    """Whether it is text of a class that says it is safe as HTML, as `Markup` and `SafeString` do."""
    return isinstance(value, str) and hasattr(type(value), "__html__")


def named_parts(value: object) -> list[Any]:
    """The name of its class, then what is stored of an object: an Enum's value, a text, or fields. Raises TypeError."""
    kind = type(value)
    if "<locals>" in kind.__qualname__ or kind.__module__ == "builtins":
        raise TypeError(refusal(value))
    name = f"{kind.__module__}:{kind.__qualname__}"
    return [name, plain_fields(value)]


def plain_fields(value: object) -> Any:
    """The stored fields of a dataclass, Struct or pydantic model by name; the value of an Enum. Raises TypeError."""
    if isinstance(value, enum.Enum):
        return value.value
    if is_html(value):
        return str.__str__(value)
    kind: Any = type(value)
    try:
        fields = fields_of(kind)
    except TypeError:
        raise TypeError(refusal(value)) from None
    if (lacking := _lacking(kind)) is not None:
        raise TypeError(f"{name_of(kind)} cannot be made again without {lacking!r}: give it a default")
    found = {key: part for key, name in fields if (part := getattr(value, name)) is not msgspec.UNSET}
    if _is_model(kind):
        found.update(value.model_extra or {})  # type: ignore[attr-defined]
    return found


def untagged(value: object) -> Any:
    """What `msgspec.convert` makes the value of again when it is told the type. Raises TypeError."""
    plain = plain_fields(value)
    config = getattr(type(value), "__struct_config__", None)
    if config is None or (config.tag is None and not config.array_like):
        return plain
    if not config.array_like:
        return {config.tag_field: config.tag, **plain}
    if len(plain) < len(msgspec.structs.fields(value)):  # type: ignore[arg-type]
        raise TypeError(f"{name_of(type(value))} is array_like, so no field of it can be transient or unset")
    return [*([] if config.tag is None else [config.tag]), *plain.values()]


@lru_cache(maxsize=1024)
def _lacking(kind: type) -> str | None:
    """What a class must be given and is not stored of its objects, such as a transient field without a default."""
    stored = {name for _, name in fields_of(kind)}
    if _is_model(kind):
        fields: dict[str, Any] = kind.model_fields  # type: ignore[attr-defined]
        return next((name for name, field in fields.items() if field.is_required() and name not in stored), None)
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.default is parameter.empty and name not in stored:
            return name
    return None


@lru_cache(maxsize=1024)
def fields_of(kind: type) -> tuple[tuple[str, str], ...]:
    """The stored fields of a class: (name when stored, name of the attribute). Raises TypeError."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        pairs = [(field.encode_name, field.name) for field in msgspec.structs.fields(kind)]
    elif dataclasses.is_dataclass(kind):
        pairs = [(field.name, field.name) for field in dataclasses.fields(kind)]
    elif _is_model(kind):
        pairs = [(name, name) for name in kind.model_fields]  # type: ignore[attr-defined]
    else:
        raise TypeError(f"{kind.__qualname__} has no fields that can be stored")
    hints = typing.get_type_hints(kind, include_extras=True)
    return tuple(pair for pair in pairs if transient not in getattr(hints.get(pair[1]), "__metadata__", ()))


def _is_model(kind: type) -> bool:
    pydantic = sys.modules.get("pydantic")  # a model cannot exist without it; we do not import it
    return pydantic is not None and isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def _resolve(name: str) -> type:
    """The class of that name, in a module that the application has imported.

    Nothing is imported for a name, and only classes that hold data are accepted: a stored name runs no code but the
    constructor of a class that the application uses for its own data.
    """
    module, _, qualified = name.partition(":")
    found: Any = sys.modules.get(module)
    for step in qualified.split("."):
        # Not getattr: a module or metaclass may answer that by importing something.
        found = vars(found).get(step) if isinstance(found, (type, types.ModuleType)) else None
    if not isinstance(found, type):
        raise LookupError(  # noqa: TRY004 - of a name in the data, not of an argument
            f"no class {name[:80]!r} in the modules that are imported"
        )
    return found


def open_enum(parts: list[Any]) -> enum.Enum:
    """The member of an Enum. Raises LookupError or ValueError."""
    name, value = parts
    kind = _resolve(name)
    if not issubclass(kind, enum.Enum):
        raise LookupError(f"{name[:80]!r} is no Enum")  # noqa: TRY004 - of a name in the data, not of an argument
    return kind(value)


def open_html(parts: list[Any]) -> str:
    """The text, as what it was. Raises LookupError or TypeError."""
    name, text = parts
    kind = _resolve(name)
    if not (issubclass(kind, str) and hasattr(kind, "__html__")):
        raise LookupError(f"{name[:80]!r} is no text that is safe as HTML")
    if type(text) is not str:
        raise TypeError("what is safe as HTML is a text")
    return str.__new__(kind, text)  # past its constructor, so that nothing runs


def open_fields(parts: list[Any]) -> Any:
    """The object that has these fields. Raises whatever its class does."""
    name, stored = parts
    kind: Any = _resolve(name)
    if _is_model(kind):
        return kind.model_validate(stored, by_name=True)
    known = {name: stored[key] for key, name in fields_of(kind) if key in stored}
    if issubclass(kind, msgspec.Struct):
        return kind(**known)
    late = {field.name for field in dataclasses.fields(kind) if not field.init} & known.keys()
    value = kind(**{name: part for name, part in known.items() if name not in late})
    for name in late:
        object.__setattr__(value, name, known[name])  # past the guard of a frozen dataclass, as its own __init__ does
    return value

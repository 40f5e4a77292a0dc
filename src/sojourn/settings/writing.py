"""Writing: settings as a `sojourn.toml`."""

from __future__ import annotations

from collections.abc import Iterator

from sojourn.settings.model import SECTIONS, Layer, Source
from sojourn.settings.notation import name_in_toml, toml

__all__ = ["written"]


def written(source: Source) -> str:
    """The text of a file that says what `source` says, with a comment that tells where it is from."""
    lines = list(_layer(source.sessions, "sessions"))
    for app, layer in source.applications.items():
        lines += _layer(layer, f"applications.{name_in_toml(app)}")
    return "\n".join(lines).strip() + "\n"


def _layer(layer: Layer, heading: str) -> Iterator[str]:
    yield from _table({name: given for name, given in layer.items() if "." not in name}, heading)
    for section in SECTIONS:
        inner = {name.partition(".")[2]: given for name, given in layer.items() if name.startswith(f"{section}.")}
        if inner:
            yield from _table(inner, f"{heading}.{section}")


def _table(layer: Layer, heading: str) -> Iterator[str]:
    yield f"\n[{heading}]"
    for name, given in layer.items():
        yield f"{name} = {toml(given.value)}  # {given.origin}"

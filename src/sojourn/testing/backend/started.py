"""What the process of a fake back end says when it serves, and what must be installed before it can."""

from __future__ import annotations

from importlib.util import find_spec

from msgspec import Struct

from sojourn.errors import SettingError

__all__ = ["Started", "check_installed"]


class Started(Struct, frozen=True, kw_only=True):
    """Where it is found. `control` is a secret: who knows it tells the back end what to do."""

    url: str
    control: str
    """What the addresses of its commands begin with."""


def check_installed() -> None:
    """Raise `SettingError` where there is no server to serve with."""
    if find_spec("granian") is None:
        raise SettingError("a fake back end needs what is not installed: pip install 'sojourn[serve]'")

"""Limit: how many sessions one principal may have at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from sojourn.errors import SettingError
from sojourn.store.base import WhenFull

__all__ = ["Limit"]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Live sessions that one principal may have in one application, whichever nodes they come from.

    It is looked at when a session comes into the hands of a principal: at a sign-in, never at a renewal. Raises
    `SettingError`.
    """

    per_principal: int = 1000
    """Far beyond what people have, and within what a program that forgets its cookies makes in a minute."""
    when_full: WhenFull = "refuse"
    """A further sign-in is refused with 429, and leaves the visitor's session as it was; or it ends as many others as
    needed, those created first (`"end-oldest"`) or those used longest ago (`"end-least-used"`)."""

    def __post_init__(self) -> None:
        if type(self.per_principal) is not int or self.per_principal < 1:
            raise SettingError(f"Limit(per_principal={self.per_principal!r}): give a whole number from 1 on")
        if self.when_full not in get_args(WhenFull):
            choices = " or ".join(map(repr, get_args(WhenFull)))
            raise SettingError(f"Limit(when_full={self.when_full!r}): give {choices}")

"""What the dialects have in common in their settings."""

from __future__ import annotations

from collections.abc import Collection

from sojourn.errors import SettingError

__all__ = ["checked_statuses"]


def checked_statuses(statuses: object, where: str) -> tuple[int, ...]:
    """The statuses, if they are those of refusals; `where`: what asks for them. Raises `SettingError`."""
    if isinstance(statuses, Collection) and not isinstance(statuses, str | bytes):
        given = tuple(statuses)
        if given and all(isinstance(each, int) and 400 <= each < 500 and each != 401 for each in given):
            return given
    raise SettingError(f"{where}: give the statuses by which a token is refused, as in [403]; 401 is none of them")

"""Fault: what is to go wrong at a fake back end, and when."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from sojourn.errors import SettingError

__all__ = ["Fault"]


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that goes wrong at a request to come. Raises `SettingError`.

    A request has three moments: `"arrival"`, before anything is looked at; `"admitted"`, when it was found to be signed
    in and to have its token, and nothing was done; `"processed"`, when it was carried out, and nothing answered.
    """

    do: Literal["forget", "forget-all", "forget-token", "refuse", "cut", "hold"]
    """Forget the session of the request, or all; or its token against CSRF alone. Answer `status` at once. Cut the
    connection off in the middle of the answer. Or hold the request until it is released."""
    at: Literal["arrival", "admitted", "processed"] = "arrival"
    nth: int = 1
    """At which of the requests that come to that moment from now on, and are of `method` and `path`."""
    times: int | None = 1
    """At how many in a row; None for all that follow."""
    method: str | None = None
    """None: any."""
    path: str | None = None
    """What the path begins with; None for any."""
    status: int = 503
    """Of `"refuse"`."""

    def __post_init__(self) -> None:
        if self.nth < 1:
            raise SettingError(f"Fault(nth={self.nth!r}): give a whole number from 1 on")
        if self.times is not None and self.times < 1:
            raise SettingError(f"Fault(times={self.times!r}): give a whole number from 1 on, or None")
        if not 400 <= self.status <= 599:
            raise SettingError(f"Fault(status={self.status!r}): give a status from 400 to 599")

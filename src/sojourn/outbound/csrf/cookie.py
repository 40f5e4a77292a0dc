"""DoubleSubmit: the token is the value of a cookie, sent in a header besides (Django, Angular, Laravel)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from sojourn.errors import SettingError
from sojourn.outbound.csrf.base import Cookies, Fetching
from sojourn.outbound.csrf.checks import checked_statuses
from sojourn.outbound.messages import Call, Request, Response
from sojourn.outbound.visiting.addresses import is_path, origin, resolved
from sojourn.outbound.visiting.redirects import HTML, follow
from sojourn.outbound.visiting.syntax import is_name, is_token

__all__ = ["DoubleSubmit"]


@dataclass(frozen=True)
class DoubleSubmit:
    """Sends what the cookie holds now, as scripts in a browser do: with its percent-escapes undone.

    `DoubleSubmit()` is Django's; `DoubleSubmit("XSRF-TOKEN", "X-XSRF-TOKEN")` that of Angular and Laravel. Over https a
    Referer of the back end's own goes with it, which Django asks for.

    A stale token and a plain denial have the same status. So after a refusal the token is fetched anew, once, and the
    call is sent again only if that is another one: else it was a denial, and the application gets it.
    """

    cookie: str = "csrftoken"
    header: str = "X-CSRFToken"
    page: str = field(default="/", kw_only=True)
    """A path of the back end that sets the cookie, whoever gets it."""
    statuses: Sequence[int] = field(default=(403, 419), kw_only=True)
    """Of answers that refuse a token: 419 is Laravel's."""

    def __post_init__(self) -> None:
        if not is_name(self.cookie):
            raise SettingError(f"DoubleSubmit(cookie={self.cookie!r}): give the name of a cookie, as in 'csrftoken'")
        if not is_name(self.header):
            raise SettingError(f"DoubleSubmit(header={self.header!r}): give the name of a header, as in 'X-CSRFToken'")
        if not is_path(self.page):
            raise SettingError("DoubleSubmit(page): give a path, as in '/login'")
        object.__setattr__(self, "statuses", checked_statuses(self.statuses, "DoubleSubmit(statuses)"))

    def fetch(self, url: str, call: Call, cookies: Cookies, stale: str | None = None) -> Fetching:  # noqa: ARG002
        token = self._of(cookies)
        if token is None or token == stale:
            yield from follow(Request(method="GET", url=resolved(url, self.page), headers=HTML))
            token = self._of(cookies)
        return token

    def headers(self, token: str, call: Call) -> Mapping[str, str]:
        headers = {} if call.first(self.header.lower()) else {self.header: token}
        if call.url[:8].lower() == "https://" and not call.first("referer") and not call.first("origin"):
            headers["Referer"] = f"{origin(call.url)}/"
        return headers

    def seen(self, call: Call, response: Response, cookies: Cookies) -> str | None:  # noqa: ARG002
        return self._of(cookies)

    def refuses(self, response: Response) -> bool:
        return response.status in self.statuses

    def _of(self, cookies: Cookies) -> str | None:
        token = unquote(cookies(self.cookie) or "")
        return token if is_token(token) else None

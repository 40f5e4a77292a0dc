"""MetaTag: the token stands in the head of a page (Rails, Laravel)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sojourn.errors import SettingError
from sojourn.outbound.csrf.base import Cookies, Fetching
from sojourn.outbound.csrf.checks import checked_statuses
from sojourn.outbound.messages import Call, Request, Response
from sojourn.outbound.visiting.addresses import is_path, resolved
from sojourn.outbound.visiting.pages import Page
from sojourn.outbound.visiting.redirects import HTML, follow
from sojourn.outbound.visiting.syntax import is_name, is_token

__all__ = ["MetaTag"]


@dataclass(frozen=True)
class MetaTag:
    """Reads the token in `<meta name="csrf-token" content="…">` of a page.

    A stale token and a plain denial, or even a form that was filled in wrongly, have the same status. So after a
    refusal the token is fetched anew, once, and the call is sent again only if that is another one. Rails writes the
    same token in another way on each page; it counts as the same.
    """

    page: str
    """A path of the back end."""
    name: str = field(default="csrf-token", kw_only=True)
    header: str = field(default="X-CSRF-Token", kw_only=True)
    statuses: Sequence[int] = field(default=(403, 419, 422), kw_only=True)
    """Of answers that refuse a token: 419 is Laravel's, 422 that of Rails."""

    def __post_init__(self) -> None:
        if not is_path(self.page):
            raise SettingError("MetaTag(page): give the path of a page that holds the tag, as in '/'")
        if not isinstance(self.name, str) or not self.name.strip():
            raise SettingError("MetaTag(name): give the name of the tag, as in 'csrf-token'")
        if not is_name(self.header):
            raise SettingError(f"MetaTag(header={self.header!r}): give the name of a header, as in 'X-CSRF-Token'")
        object.__setattr__(self, "statuses", checked_statuses(self.statuses, "MetaTag(statuses)"))

    def fetch(self, url: str, call: Call, cookies: Cookies, stale: str | None = None) -> Fetching:  # noqa: ARG002
        response = yield from follow(Request(method="GET", url=resolved(url, self.page), headers=HTML))
        token = Page(response).metas.get(self.name.strip().lower(), "").strip()
        if not is_token(token):
            return None
        return stale if stale is not None and _unmasked(token) == _unmasked(stale) else token

    def headers(self, token: str, call: Call) -> Mapping[str, str]:
        return {} if call.first(self.header.lower()) else {self.header: token}

    def seen(self, call: Call, response: Response, cookies: Cookies) -> str | None:  # noqa: ARG002
        return None  # the pages that the application gets are not read

    def refuses(self, response: Response) -> bool:
        return response.status in self.statuses


def _unmasked(token: str) -> bytes:
    """What Rails hides in 64 bytes: a pad of 32, and the token under it, so that its bytes are never twice the same."""
    try:
        masked = base64.b64decode(token.replace("-", "+").replace("_", "/") + "=" * (-len(token) % 4), validate=True)
    except (binascii.Error, ValueError):
        masked = b""
    if len(masked) != 64:
        return token.encode()
    return bytes(one ^ other for one, other in zip(masked[:32], masked[32:], strict=True))

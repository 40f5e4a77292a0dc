"""Fetched: the token is asked for, in the header in which it comes and goes (SAP, and who took it over from there)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from sojourn.errors import SettingError
from sojourn.outbound.csrf.base import Cookies, Fetching
from sojourn.outbound.messages import Call, Request, Response
from sojourn.outbound.visiting.addresses import is_path, resolved
from sojourn.outbound.visiting.redirects import follow
from sojourn.outbound.visiting.syntax import is_name, is_token

__all__ = ["Fetched"]

_REQUIRED = "required"
_NO_TOKENS = (_REQUIRED, "fetch")


@dataclass(frozen=True)
class Fetched:
    """Asks for a token by `X-CSRF-Token: Fetch`, with HEAD, and with GET where HEAD brings none.

    A 403 with `X-CSRF-Token: Required` says that the token was missing or stale; any other 403 is a denial. After the
    former another token is fetched, once, and the call sent again only if that is another one.
    """

    header: str = "X-CSRF-Token"
    path: str | None = None
    """Where the token is asked for: a path of the back end. None: at the URL of the call itself, for which it is valid
    in any case. Of its query `sap-client` alone stays, which says whose session it is; and instead of `…/$batch`, which
    answers POST alone, the service is asked that it belongs to."""

    def __post_init__(self) -> None:
        if not is_name(self.header):
            raise SettingError(f"Fetched(header={self.header!r}): give the name of a header, as in 'X-CSRF-Token'")
        if self.path is not None and not is_path(self.path):
            raise SettingError("Fetched(path): give a path, as in '/sap/opu/odata/sap/ORDERS/', or None")

    def fetch(self, url: str, call: Call, cookies: Cookies, stale: str | None = None) -> Fetching:  # noqa: ARG002
        where = _beside(call.url) if self.path is None else resolved(url, self.path)
        for method in ("HEAD", "GET"):
            asking = Request(method=method, url=where, headers=((self.header, "Fetch"), ("Accept", "*/*")))
            response = yield from follow(asking)
            token = self._of(response)
            if token is not None or response.status == 401:  # who is not signed in gets none by GET either
                return token
        return None

    def headers(self, token: str, call: Call) -> Mapping[str, str]:
        return {} if call.first(self.header.lower()) else {self.header: token}

    def seen(self, call: Call, response: Response, cookies: Cookies) -> str | None:  # noqa: ARG002
        return self._of(response)

    def refuses(self, response: Response) -> bool:
        return response.status == 403 and any(
            value.strip().lower() == _REQUIRED for value in response.all(self.header.lower())
        )

    def _of(self, response: Response) -> str | None:
        token = response.first(self.header.lower()).strip()
        return token if is_token(token) and token.lower() not in _NO_TOKENS else None


def _beside(url: str) -> str:
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query) if pair[0].lower() == "sap-client"]
    path = parts.path.removesuffix("$batch") if parts.path.endswith("/$batch") else parts.path
    return parts._replace(path=path, query=urlencode(query), fragment="").geturl()

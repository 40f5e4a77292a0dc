"""Client credentials: a client that signs in as itself (RFC 6749 §4.4)."""

from __future__ import annotations

import base64
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, get_args
from urllib.parse import quote_plus, urlencode

import msgspec

from sojourn.errors import SettingError, SignInFailed
from sojourn.outbound.auth.base import Credentials, SigningIn
from sojourn.outbound.auth.proof import Proof, checked_identity, secret_of
from sojourn.outbound.messages import Request, Response, Wait
from sojourn.outbound.once import Claim, Once
from sojourn.outbound.visiting.addresses import is_address, origin
from sojourn.outbound.visiting.syntax import is_text, is_token

__all__ = ["ClientCredentials"]

Method = Literal["client_secret_basic", "client_secret_post"]

_TAKEN = {"client_id", "client_secret", "grant_type", "refresh_token", "scope"}
_LONGEST_ANSWER = 1 << 18  # bytes
# RFC 6749 §5.2 and §4.1.2.1, RFC 8707 §2, RFC 9449: any other text may repeat what was sent.
_ERRORS = {
    "access_denied", "invalid_client", "invalid_dpop_proof", "invalid_grant", "invalid_request", "invalid_scope",
    "invalid_target", "server_error", "temporarily_unavailable", "unauthorized_client", "unsupported_grant_type",
    "use_dpop_nonce",
}  # fmt: skip


class _Grant(msgspec.Struct, frozen=True):
    """What a token endpoint gave; `until`: seconds since 1970, None where it did not say."""

    access_token: str
    until: float | None
    refresh_token: str

    def __repr__(self) -> str:
        return "<Grant>"

    @property
    def credentials(self) -> Credentials:
        return {"Authorization": f"Bearer {self.access_token}"}


class _Kept(Once[_Grant]):
    """Holds the last grant, or knows who fetches one."""

    __slots__ = ("refresh_token",)

    def __init__(self) -> None:
        super().__init__()
        self.refresh_token = ""
        """What the next one is fetched with, if it can be."""


@dataclass(frozen=True, eq=False, repr=False)
class ClientCredentials(Proof):
    """Fetches an access token for a client, and keeps it until shortly before it expires.

    A refresh token is used where the server gives one, though it should not (RFC 6749 §4.4.3). Raises `SettingError`
    for what cannot be sent.
    """

    token_url: str
    client_id: str
    client_secret: str
    scope: str = field(default="", kw_only=True)
    """With blanks between; empty: what the server gives by itself."""
    extra: Mapping[str, str] = field(default_factory=dict[str, str], kw_only=True)
    """What this server asks for besides, as `audience` or `resource`."""
    method: Method = field(default="client_secret_basic", kw_only=True)
    """How the client proves itself: in the Authorization header, or in the form, for servers that ask for it there."""
    leeway: float = field(default=30.0, kw_only=True)
    """Seconds for which a token is to be good when it is used; half of its life where that is less."""
    _kept: _Kept = field(default_factory=_Kept, init=False)

    def __post_init__(self) -> None:
        if not is_address(self.token_url):
            raise SettingError("ClientCredentials(token_url): give an https address without user and fragment")
        checked_identity(self.client_id, "ClientCredentials(client_id)")
        if not is_text(self.client_secret) or not self.client_secret:
            raise SettingError("ClientCredentials(client_secret): give the text that the server gave the client")
        if not is_text(self.scope):
            raise SettingError("ClientCredentials(scope): give names with blanks between, as in 'orders.read stock'")
        if self.method not in get_args(Method):
            raise SettingError(
                f"ClientCredentials(method={self.method!r}): give {' or '.join(map(repr, get_args(Method)))}"
            )
        if not isinstance(self.leeway, int | float) or not 0 <= self.leeway <= 3600:
            raise SettingError(f"ClientCredentials(leeway={self.leeway!r}): give seconds, 3600 at most")
        self._check_extra()
        object.__setattr__(self, "extra", MappingProxyType(dict(self.extra)))

    def _check_extra(self) -> None:
        if not isinstance(self.extra, Mapping) or not all(
            is_text(each) for pair in self.extra.items() for each in pair
        ):
            raise SettingError("ClientCredentials(extra): give text by name, as in {'audience': 'https://api.example'}")
        if taken := sorted(_TAKEN.intersection(self.extra)):
            raise SettingError(f"ClientCredentials(extra): leave out {', '.join(taken)}, which is sent in any case")

    @property
    def identity(self) -> str:
        return self.client_id

    @cached_property  # asked for with each call
    def secret(self) -> bytes:
        return secret_of("client", self.token_url, self.client_secret, self.scope, sorted(self.extra.items()))

    def sign_in(self, url: str, now: float) -> SigningIn:  # noqa: ARG002 – the token endpoint is another
        grant = self._kept.value
        if grant is None or (grant.until is not None and grant.until <= now):
            grant = yield from self._renewed(grant, now)
        return grant.credentials

    def forget(self, credentials: Credentials) -> bool:
        grant = self._kept.value
        if grant is not None and grant.credentials == credentials and self._kept.drop(grant):
            self._kept.refresh_token = ""
        return True

    def _renewed(self, expired: _Grant | None, now: float) -> Generator[Request | Wait, Any, _Grant]:
        if expired is not None:
            self._kept.drop(expired)
        # What was fetched while this one waited is new enough, however short its life is, or each would fetch its own.
        grant = yield from self._kept.get()
        return (yield from self._fetched(grant, now)) if isinstance(grant, Claim) else grant

    def _fetched(self, claim: Claim[_Grant], now: float) -> Generator[Request, Response, _Grant]:
        """A grant for all who wait for it. Raises `SignInFailed`, to all of them."""
        kept = self._kept
        try:
            refresh = kept.refresh_token
            grant = (yield from self._refreshed(refresh, now)) if refresh else None
            grant = grant or (yield from self._granted(now))
            kept.refresh_token = grant.refresh_token
            claim.use(grant)
        except SignInFailed as failure:
            claim.give_up(failure)
            raise
        finally:
            claim.give_up()
        return grant

    def _granted(self, now: float) -> Generator[Request, Response, _Grant]:
        response = yield self._request({"grant_type": "client_credentials"})
        return self._read(response, now)

    def _refreshed(self, token: str, now: float) -> Generator[Request, Response, _Grant | None]:
        """What the refresh token brought; None where it is not good any more (RFC 6749 §6)."""
        response = yield self._request({"grant_type": "refresh_token", "refresh_token": token})
        if response.status != 200:
            return None
        grant = self._read(response, now)
        return grant if grant.refresh_token else msgspec.structs.replace(grant, refresh_token=token)

    def _request(self, asked: dict[str, str]) -> Request:
        form = {**asked, **({"scope": self.scope} if self.scope else {}), **self.extra}
        headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")]
        if self.method == "client_secret_post":
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        else:
            # Each part form-encoded first (RFC 6749 §2.3.1): a colon or an umlaut in one stays what it is.
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
        return Request(method="POST", url=self.token_url, headers=tuple(headers), body=urlencode(form).encode())

    def _read(self, response: Response, now: float) -> _Grant:
        answer = _json(response)
        if response.status != 200:
            code = answer.get("error")
            told = f": {code}" if isinstance(code, str) and code in _ERRORS else ""
            raise self._failed(f"answered {response.status}{told}; check the client's id, secret and scope")
        token, kind = answer.get("access_token"), answer.get("token_type", "Bearer")
        if not isinstance(token, str) or not is_token(token):
            raise self._failed("gave no access token that can be sent; check that it is a token endpoint")
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise self._failed("gave a token that is no bearer token; ask it for one")
        refresh = answer.get("refresh_token")
        seconds = _seconds(answer.get("expires_in"))
        until = None if seconds is None else now + max(seconds - self.leeway, seconds / 2)
        return _Grant(token, until, refresh if isinstance(refresh, str) and is_token(refresh) else "")

    def _failed(self, what: str) -> SignInFailed:
        return SignInFailed(f"{self!r}: the token endpoint at {origin(self.token_url)} {what}")


def _json(response: Response) -> dict[str, Any]:
    body = response.body or b""
    if len(body) > _LONGEST_ANSWER:
        return {}
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _seconds(value: object) -> float | None:
    """Some servers write the number as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None

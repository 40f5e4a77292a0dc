"""SignIn: who a request is from, by what it shows."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable

from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.server.access.caller import Caller
from sojourn.testing.backend.server.messages import Answer, Request, json_answer
from sojourn.testing.backend.server.tally import Tally

__all__ = ["SignIn"]

REALM = "fake back end"


class SignIn:
    """Checks credentials, which takes its time, and issues bearer tokens."""

    def __init__(self, behaviour: Behaviour, tally: Tally, now: Callable[[], float]) -> None:
        """`now`: seconds that only grow."""
        self._behaviour = behaviour
        self._tally = tally
        self._now = now
        self._tokens: dict[str, tuple[str, float]] = {}

    async def user_of(self, request: Request) -> str | None:
        """The user whose credentials the Authorization header holds; None for none, or wrong ones."""
        scheme, rest = request.credentials
        if not scheme:
            return None
        if scheme == "bearer" and "bearer" in self._behaviour.sign_in:
            return await self._counted(self._owner(rest))
        pair = request.name_and_password
        if pair is None or "basic" not in self._behaviour.sign_in:
            self._tally.add("sign_ins_refused")
            return None
        return await self.checked(*pair)

    async def checked(self, user: str, password: str) -> str | None:
        """`user`, where that is their password."""
        return await self._counted(user if self._is_right(user, password) else None)

    def claimed(self, request: Request) -> str | None:
        """Whose credentials the request holds, right or wrong: to see whether it mixes users."""
        scheme, rest = request.credentials
        if scheme == "bearer":
            return self._owner(rest)
        pair = request.name_and_password
        return None if pair is None else pair[0]

    async def token(self, request: Request, caller: Caller) -> Answer:
        """Answer a request for an access token by client credentials (RFC 6749 §4.4): clients are the users."""
        if request.method != "POST":
            return json_answer(405, {"error": "invalid_request"}, ("allow", "POST"))
        form = request.form
        if form.get("grant_type") != "client_credentials":
            error = "unsupported_grant_type" if form.get("grant_type") else "invalid_request"
            return json_answer(400, {"error": error})  # RFC 6749 §5.2
        client, secret = request.name_and_password or (form.get("client_id", ""), form.get("client_secret", ""))
        if not client or not self._is_right(client, secret):
            self._tally.add("sign_ins_refused")
            return json_answer(401, {"error": "invalid_client"}, ("www-authenticate", f'Basic realm="{REALM}"'))
        await asyncio.sleep(self._behaviour.sign_in_costs)
        self._tally.add("access_tokens")
        caller.enters(client, None)
        token = secrets.token_urlsafe(24)
        lifetime = self._behaviour.token_lifetime
        self._tokens[token] = (client, self._now() + lifetime)
        told = {"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime)}
        return json_answer(200, told, ("cache-control", "no-store"))

    def forget_tokens(self) -> None:
        """No access token is good any more."""
        self._tokens.clear()

    def challenges(self, request: Request) -> list[tuple[str, str]]:
        """What a 401 asks for."""
        wrong = ', error="invalid_token"' if request.credentials[0] == "bearer" else ""  # RFC 6750 §3
        known = {"basic": f'Basic realm="{REALM}", charset="UTF-8"', "bearer": f'Bearer realm="{REALM}"{wrong}'}
        return [("www-authenticate", known[each]) for each in self._behaviour.sign_in if each in known]

    async def _counted(self, user: str | None) -> str | None:
        await asyncio.sleep(self._behaviour.sign_in_costs)
        self._tally.add("sign_ins" if user is not None else "sign_ins_refused")
        return user

    def _is_right(self, user: str, password: str) -> bool:
        return bool(user) and hmac.compare_digest(self._behaviour.password_of(user).encode(), password.encode())

    def _owner(self, token: str) -> str | None:
        user, good_until = self._tokens.get(token, (None, 0.0))
        return user if self._now() < good_until else None

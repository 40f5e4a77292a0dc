"""Behaviour: what a fake back end asks of its clients."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from sojourn.errors import SettingError

__all__ = ["Behaviour", "Challenge", "Dialect"]

Challenge = Literal["basic", "bearer", "form"]
Dialect = Literal["fetch", "django", "double-submit", "meta"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_VISIBLE = re.compile(r"[ -~]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """What the back end asks of its clients, and how it answers those that do not do it. Raises `SettingError`."""

    password: str = "{user}-secret"  # noqa: S105 - known to everybody
    """Of every user; `{user}` is their name. So there are as many users as a test needs, each with another password."""
    sign_in: tuple[Challenge, ...] = ("basic",)
    """What it takes: HTTP Basic, a bearer token of `/oauth/token`, the form at `/login`. Basic is what most take. Where
    the form comes first, visitors are led to it; else they get 401."""
    sign_in_costs: float = 0.0
    """Seconds that a sign-in takes, and a token of `/oauth/token`. Tests are quick; 0.05 is what a directory or a slow
    hash of passwords takes."""
    login: Literal["redirect", "forward"] = "redirect"
    """Who is not signed in and should use the form is sent to `/login`, or gets that page with 200 where they are, as
    Tomcat does."""
    login_fields: tuple[str, str, str] = ("username", "password", "_csrf")
    """Names of the form's fields: user, password, hidden token."""
    session_cookie: str | None = "JSESSIONID"
    """Its name; `"GWSESSIONID"` is that of a gateway. None: there are no sessions, and each request must sign in."""
    cookie_attributes: str = "Path=/; HttpOnly"
    """What follows the value in Set-Cookie, as Tomcat writes it. `Domain=app.intranet.corp; Path=/` is that of a host
    that clients know by another name."""
    cookie_header: str = "set-cookie"
    """How the name of that header is written on the wire. Servers differ, and names have no case."""
    stale_cookies: int = 0
    """Set-Cookie lines of the same name, with values that were never valid, before the one that counts."""
    companions: tuple[str, ...] = ()
    """Names of cookies that come with the session and without which it is not found, such as a balancer's route."""
    sessions_per_user: int = 1000
    """What a gateway allows by default. Who signs in beyond that is refused."""
    full_status: int = 503
    """The status of that refusal: the server cannot serve now, and may later."""
    idle: float = 1800.0
    """Seconds without a request after which a session has expired; half an hour is what most servers have."""
    token_lifetime: float = 3600.0
    """Seconds for which a token of `/oauth/token` is good; an hour is what most issuers give."""
    csrf: Dialect | None = None
    """How tokens against CSRF travel: `"fetch"` tells them to GET and HEAD with `X-CSRF-Token: Fetch`, as SAP does;
    `"django"` and `"double-submit"` in a cookie, and want them in a header too; `"meta"` in a tag of the page at `/`.
    A token is its session's, and is asked of every method that is not safe. None asks for none, so that a first client
    works at once."""
    csrf_header: str | None = None
    """The header of the token. None: the dialect's own."""
    head: bool = True
    """Whether HEAD is served. Where it is not it gets 405, and a token is to be fetched with GET."""
    parallel_status: int | None = None
    """The status for a request that comes while another of its session is served; 409 and 500 are usual. None: it is
    served as well."""
    close_header: str | None = "x-os-session-keep-alive"
    """A request whose header of this name is `false` is the last of its session. None: no header is."""
    takes: float = 0.0
    """Seconds that an order and a page of rows take, after all checks. A back end of a test has nothing to compute."""
    rows: int = 100
    """How many there are at `/rows`: ten pages."""
    page: int = 10
    """Rows of a page."""
    records: int = 10_000
    """Requests and orders that are remembered one by one, the newest; what is counted has no limit."""

    def __post_init__(self) -> None:
        _check_names(self)
        _check_numbers(self)
        if not self.sign_in or not set(self.sign_in) <= set(get_args(Challenge)):
            raise _wrong(self, "sign_in", "give some of", get_args(Challenge))
        for name, choices in (("login", ("redirect", "forward")), ("csrf", (None, *get_args(Dialect)))):
            if getattr(self, name) not in choices:
                raise _wrong(self, name, "give one of", choices)
        if self.cookie_header.lower() != "set-cookie":
            raise _wrong(self, "cookie_header", "give Set-Cookie, in any case")
        if self.session_cookie is None and (self.csrf is not None or "form" in self.sign_in):
            raise SettingError(
                "Behaviour(session_cookie=None): tokens against CSRF and the form need a session; give neither"
            )

    def password_of(self, user: str) -> str:
        """The password of a user, of any name."""
        return self.password.replace("{user}", user)


def _check_names(behaviour: Behaviour) -> None:
    if isinstance(behaviour.companions, str):
        raise _wrong(behaviour, "companions", "give several names, or one and a comma")
    names: Iterable[tuple[str, str | None]] = (
        ("session_cookie", behaviour.session_cookie),
        ("csrf_header", behaviour.csrf_header),
        ("close_header", behaviour.close_header),
        *(("companions", name) for name in behaviour.companions),
        *(("login_fields", name) for name in behaviour.login_fields),
    )
    for setting, name in names:
        if name is not None and _TOKEN.fullmatch(name) is None:
            raise _wrong(behaviour, setting, "a name is made of letters, digits and -_. (RFC 9110, section 5.6.2)")
    if _VISIBLE.fullmatch(behaviour.cookie_attributes) is None:
        raise _wrong(behaviour, "cookie_attributes", "give one line, such as 'Path=/; HttpOnly'")


def _check_numbers(behaviour: Behaviour) -> None:
    for field in fields(behaviour):
        value = getattr(behaviour, field.name)
        if field.type == "float" and not 0 <= value < math.inf:
            raise _wrong(behaviour, field.name, "give seconds from 0 on")
        if field.type == "int" and (type(value) is not int or value < 0):
            raise _wrong(behaviour, field.name, "give a whole number from 0 on")
    if behaviour.page < 1:
        raise _wrong(behaviour, "page", "give a whole number from 1 on")
    for name in ("full_status", "parallel_status"):
        status = getattr(behaviour, name)
        if status is not None and not 400 <= status <= 599:
            raise _wrong(behaviour, name, "give a status from 400 to 599")


def _wrong(behaviour: Behaviour, name: str, what: str, choices: Iterable[Any] = ()) -> SettingError:
    listed = ", ".join(map(repr, choices))
    return SettingError(f"Behaviour({name}={getattr(behaviour, name)!r}): {what} {listed}".rstrip())

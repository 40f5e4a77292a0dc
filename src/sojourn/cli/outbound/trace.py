"""`outbound trace`: a sequence of calls to a back end, as its log would tell of them."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec

from sojourn.cli.mistake import Mistake
from sojourn.core.events import Event
from sojourn.errors import BackendError, SettingError
from sojourn.outbound import Backend, Basic, Bearer, DoubleSubmit, Fetched, Logout, MetaTag, events
from sojourn.outbound.auth import Auth
from sojourn.outbound.csrf import Csrf

__all__ = ["DIALECTS", "trace"]

DIALECTS: dict[str, Callable[[str], Csrf]] = {
    "fetch": lambda _: Fetched(),
    "django": lambda page: DoubleSubmit("csrftoken", "X-CSRFToken", page=page),
    "xsrf": lambda page: DoubleSubmit("XSRF-TOKEN", "X-XSRF-TOKEN", page=page),
    "meta": MetaTag,
}
"""By the path of a page that has the token."""


def trace(
    url: str,
    calls: Sequence[str],
    *,
    user: str | None,
    password: str | None,
    bearer: bool,
    csrf: str | None,
    reuse: Any,
    logout: str | None,
    ca: str | None,
    proxy: str | None,
    timeout: float,
    as_json: bool,
) -> int:
    """Make the calls one after the other and print what passes.

    Return the exit status: 0 when each was answered, 1 when one came to nothing. Raises `Mistake`.
    """
    try:
        backend = Backend(
            url,
            reuse=reuse,
            auth=_auth(user, password, bearer=bearer),
            csrf=DIALECTS[csrf](urlsplit(url).path or "/") if csrf is not None else False,
            closing=None if logout is None else Logout(logout),
            tls=_trusting(ca),
            proxy=proxy,
            key=os.environb.get(b"SOJOURN_OUTBOUND_KEY"),
        )
        exchange = backend.exchange()
        client = exchange.httpx2_sync(timeout=timeout)
    except SettingError as error:
        raise Mistake(str(error)) from None
    from sojourn.outbound.drivers.httpx2 import FAILURES  # which is there now

    show: _Json | _Text = _Json() if as_json else _Text(backend.rules.origin)
    backend.listen(show, events.BackendEvent, events.CallSent, events.CallAnswered)
    logging.getLogger("sojourn.outbound").addHandler(logging.NullHandler())  # what it has to say is shown here
    failures: tuple[type[Exception], ...] = (BackendError, *FAILURES)
    failed = False
    with client:
        for call in calls or ("", ""):
            method, path = _parsed(call)
            try:
                client.request(method, path)
            except failures as error:
                failed = True
                show.failed(f"{method} {path}".strip(), _said(error, backend.rules.origin))
    show.summed_up()
    return 1 if failed else 0


def _auth(user: str | None, password: str | None, *, bearer: bool) -> Auth | None:
    if user is None:
        if bearer:
            raise Mistake("--bearer: give --user, a name for whose token it is")
        return None
    return Bearer(password or "", identity=user) if bearer else Basic(user, password or "")


def _trusting(ca: str | None) -> ssl.SSLContext | None:
    try:
        return None if ca is None else ssl.create_default_context(cafile=ca)
    except OSError:
        raise Mistake(f"--ca {ca}: no certificates in PEM can be read there") from None


def _parsed(call: str) -> tuple[str, str]:
    method, space, path = call.partition(" ")
    if not space:
        method, path = "GET", call
    if not method.isalpha() or urlsplit(path).scheme or urlsplit(path).netloc:
        raise Mistake(
            f"{call!r}: give a path below the URL, with a method before it where it is not GET: 'POST orders'"
        )
    return method.upper(), path.strip()


class _Json:
    """The events as they come."""

    def __call__(self, event: Event) -> None:
        self._print({"event": type(event).__name__, **msgspec.structs.asdict(event)})

    def failed(self, call: str, error: str) -> None:
        """A call came to nothing."""
        self._print({"event": "CallFailed", "call": call, "error": error})

    def summed_up(self) -> None:
        """Nothing follows."""

    def _print(self, line: dict[str, Any]) -> None:
        click.echo(msgspec.json.encode(line))


class _Text:
    """A line for each request and each answer, and what they mean for the session."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._requests = 0
        self._sign_ins = 0
        click.echo(f"Sojourn calls {origin}")

    def __call__(self, event: Event) -> None:
        match event:
            case events.CallSent():
                self._requests += 1
                carried = [*_shown(event.cookies), *["credentials"] * event.credentials, *["token"] * event.token]
                path = "/" + event.url.removeprefix(self._origin)
                click.echo(f"{self._requests:4} > {event.method} {path}  {', '.join(carried) or 'no cookie'}")
            case events.CallAnswered():
                said = ", ".join(_shown(event.cookies))
                click.echo(f"     < {event.status}{f'  sets {said}' if said else ''}")
            case events.SignedIn():
                self._sign_ins += 1
                click.echo(f"       session {event.ref}{f' of {event.principal}' if event.principal else ''} begins")
            case events.SessionForgotten():
                then = "; the call is sent again" if event.again else ""
                click.echo(f"       session {event.ref} is gone{then}")
            case events.SessionClosed():
                how = {"yes": "is closed", "no": "is left to expire", "failed": "could not be closed"}[event.told]
                click.echo(f"       session {event.ref} {how}")
            case events.SignsInEachTime():
                click.echo("       the back end keeps no session: credentials go with each call")
            case events.TokenFetched() | events.TokenMissing():
                fetched = isinstance(event, events.TokenFetched)
                given = "has a token" if fetched else "was given no token: is it another --csrf, or another page?"
                click.echo(f"       session {event.ref} {given}")

    def failed(self, call: str, error: str) -> None:
        """A call came to nothing."""
        click.echo(f"       {call} failed: {error}", err=True)

    def summed_up(self) -> None:
        """What it comes to."""
        click.echo(f"{_count(self._requests, 'request')}, {_count(self._sign_ins, 'session')}")


def _shown(cookies: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{name or '(no name)'} {f'#{digest[:8]}' if digest else '(empty)'}" for name, digest in cookies]


def _said(error: Exception, origin: str) -> str:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, BackendError):
        return said
    return f"no answer from {origin}: {said.partition(': bytearray(')[0]}"  # what came is not for a terminal


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

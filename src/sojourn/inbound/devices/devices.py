"""Devices: the page, and what it does."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from sojourn.core.session import Session
from sojourn.inbound.answers.headers import as_text
from sojourn.inbound.bridge import wait
from sojourn.inbound.devices.device import Device, device_of
from sojourn.inbound.devices.page import POLICY, page, sign_in_first
from sojourn.inbound.sessions import Sessions
from sojourn.inbound.tracking.cookies import Headers

__all__ = ["Answer", "Devices"]

MOST = 1000  # sessions on a page: the limit of a principal that `Limit` proposes
LONGEST = 4096  # bytes of a form: it holds one ref

_COUNT = re.compile(r"[0-9]{1,4}")  # of `MOST`

_PHRASES = {200: "OK", 303: "See Other", 403: "Forbidden", 405: "Method Not Allowed", 413: "Content Too Large"}


class Answer(msgspec.Struct, frozen=True):
    """An answer of the page."""

    status: int
    headers: Headers
    body: bytes


class Devices:
    """A page on which visitors see where they are signed in, and sign out there: one session, or all but this one.

    An ASGI application to be mounted behind `SessionMiddleware`; `wsgi` is the same for WSGI, and `answer` for any
    framework's own view. It shows a visitor their own sessions alone, those of the session's principal.
    """

    def __init__(self, sessions: Sessions, *, title: str = "Your devices", after: str = "/") -> None:
        """`sessions`: of the application; their store has to be one that can be searched (`Lists`).

        `title`: of the page. `after`: where a visitor goes who signs out here.
        """
        self._sessions = sessions
        self._title = title
        self._after = after

    async def all(self, session: Session) -> list[Device]:
        """The sessions of whoever `session` is of: this one first, then those used last. None without a principal."""
        principal = session.principal
        if principal is None:
            return []
        records = await self._sessions.find(principal=principal, limit=MOST)
        devices = [device_of(record, session.ref) for record in records]
        return sorted(devices, key=lambda device: (not device.here, -device.accessed_at))

    async def end(self, session: Session, ref: str) -> bool:
        """End one of them. False when it is none of theirs: nobody ends what is somebody else's."""
        if ref == session.ref:
            session.end()
            return True
        mine = {device.ref for device in await self.all(session)}
        return ref in mine and await self._sessions.end(ref)

    async def end_others(self, session: Session) -> int:
        """End all of them but `session`. Returns how many there were."""
        principal = session.principal
        return 0 if principal is None else await self._sessions.end_all(principal=principal, but=session.ref)

    async def answer(
        self, session: Session, *, method: str, path: str, query: str, form: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """The page, or what a form of it does. `path`: of the page, from the root. `headers`: by name in lower case."""
        if session.principal is None:
            return _shown(403, sign_in_first(self._title))
        if method in ("GET", "HEAD"):
            ended = parse_qs(query).get("ended", [""])[0]
            shown = page(self._title, await self.all(session), ended=int(ended) if _COUNT.fullmatch(ended) else None)
            return _shown(200, shown)
        if method != "POST":
            return _shown(405, "")
        if not _same_origin(headers):
            return _shown(403, "")
        if len(form) > LONGEST:
            return _shown(413, "")
        wanted = {name: values[0] for name, values in parse_qs(form.decode("latin-1")).items()}
        if "others" in wanted:
            return _sent_to(f"{path}?ended={await self.end_others(session)}")
        was_there = await self.end(session, wanted.get("end", ""))
        return _sent_to(self._after if session.ended else f"{path}?ended={int(was_there)}")

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
        """As an ASGI application."""
        form, more = b"", scope["method"] == "POST"
        while more and len(form) <= LONGEST:
            message = await receive()
            form, more = form + message.get("body", b""), message.get("more_body", False)
        answer = await self.answer(
            scope["session"],
            method=scope["method"],
            path=scope["path"],  # the root path included, as ASGI has it
            query=scope["query_string"].decode("latin-1"),
            form=form,
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        )
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """As a WSGI application."""
        length = environ.get("CONTENT_LENGTH") or "0"
        form = environ["wsgi.input"].read(min(int(length), LONGEST + 1)) if length.isdecimal() else b""
        answer = wait(
            self.answer(
                environ["sojourn.session"],
                method=environ["REQUEST_METHOD"],
                path=environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
                query=environ.get("QUERY_STRING", ""),
                form=form,
                headers={
                    name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name[:5] == "HTTP_"
                },
            )
        )
        start_response(f"{answer.status} {_PHRASES[answer.status]}", as_text(answer.headers))
        return [answer.body]


def _same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a form was sent by a page of this origin, as browsers tell by themselves; what is no browser is let in.

    Fetch Metadata first, which every browser of today sends over https and on localhost; else the Origin.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def _shown(status: int, text: str) -> Answer:
    body = text.encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"content-security-policy", POLICY.encode()),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"same-origin"),
        (b"x-content-type-options", b"nosniff"),
    ]
    return Answer(status, headers, body)


def _sent_to(place: str) -> Answer:
    return Answer(303, [(b"location", place.encode("ascii", "ignore")), (b"content-length", b"0")], b"")

"""Feeds a generator that asks a back end with answers, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from sojourn.outbound.messages import Call, Response, Wait

if TYPE_CHECKING:
    from collections.abc import Generator

    from sojourn.outbound.messages import Request

SITE = "https://shop.example/"
PAGE = ("Content-Type", "text/html; charset=utf-8")


class Answer(msgspec.Struct, frozen=True):
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def to(self, url: str) -> Response:
        return Response.of(self.status, url, self.headers, self.body)


def page(html: str, status: int = 200) -> Answer:
    return Answer(status, (PAGE,), html.encode())


def redirect(location: str, status: int = 302) -> Answer:
    return Answer(status, (("Location", location),))


def feed(steps: Generator[Request | Wait, Any, Any], *answers: Answer, asked: list[Request] | None = None) -> Any:
    """What it returns after exactly these answers; what it asks for is put into `asked`."""
    left = list(answers)
    try:
        request = next(steps)
        while True:
            assert not isinstance(request, Wait), "nobody else does it"
            if asked is not None:
                asked.append(request)
            assert left, f"{request} was not expected"
            request = steps.send(left.pop(0).to(request.url))
    except StopIteration as stop:
        assert not left, "not all was asked for"
        return stop.value


def call(method: str = "POST", url: str = f"{SITE}orders?top=1", **headers: str) -> Call:
    fields = {name.replace("_", "-"): [value] for name, value in headers.items()}
    return Call(method=method, url=url, fields=lambda name: fields.get(name, []), replayable=True)


def sent(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers}

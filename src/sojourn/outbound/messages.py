"""What passes between a negotiation and the driver that sends for it: plain values, of no client library."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Literal, TypeAlias

import msgspec

__all__ = [
    "IDEMPOTENT",
    "SAFE",
    "Ask",
    "Call",
    "Do",
    "Pause",
    "Request",
    "Response",
    "Room",
    "Send",
    "Step",
    "Steps",
    "Wait",
    "shown",
]

SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))  # RFC 9110 §9.2.1
IDEMPOTENT = SAFE | {"PUT", "DELETE"}  # RFC 9110 §9.2.2

_SECRET = re.compile(r"(?<=//)[^/@]*@|;[^/]*")

Fields: TypeAlias = "Callable[[str], Sequence[str]]"
"""The values of a header, by its name in lower case, in the order in which they came."""


class Request(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A request that a negotiation makes on its own: to sign in, for a token, to sign out. No redirect is followed."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Request({self.method} {shown(self.url)})"  # headers and body hold credentials

    def set(self, headers: Mapping[str, str]) -> Request:
        """The same with these headers, in the place of those of the same names."""
        names = {name.lower() for name in headers}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        return msgspec.structs.replace(self, headers=(*kept, *headers.items()))


class Response:
    """The answer to a request, as far as a negotiation looks at it."""

    __slots__ = ("_fields", "body", "status", "url")

    def __init__(self, status: int, url: str, fields: Fields, body: bytes | None = None) -> None:
        """`fields`: the values of a header, by its name in lower case. `body`: None where it was not read."""
        self.status = status
        self.url = url
        self.body = body
        self._fields = fields

    def __repr__(self) -> str:
        return f"Response({self.status} {shown(self.url)})"

    @classmethod
    def of(cls, status: int, url: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> Response:
        """One with these headers."""

        def fields(name: str) -> Sequence[str]:
            return [value for each, value in headers if each.lower() == name]

        return cls(status, url, fields, body)

    def all(self, name: str) -> Sequence[str]:
        """The values of a header, in order; `name` in lower case."""
        return self._fields(name)

    def first(self, name: str) -> str:
        """The first value of a header, or nothing; `name` in lower case."""
        values = self._fields(name)
        return values[0] if values else ""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request of the application. It stays with the driver, who sends it, once or again."""

    method: str
    url: str
    fields: Fields
    replayable: bool  # its body can be sent once more

    def __repr__(self) -> str:
        return f"Call({self.method} {shown(self.url)})"

    def first(self, name: str) -> str:
        """The first value of a header, or nothing; `name` in lower case."""
        values = self.fields(name)
        return values[0] if values else ""


class Send(msgspec.Struct, frozen=True):
    """Send the call of the application with these headers in the place of its own of the same names; answer a Response.

    None instead of a value: without that header. `reads`: whether the first 256 KiB of the body are read before
    the negotiation goes on. `whole`: all of it is, in any case. The application gets it for all that.
    """

    headers: dict[str, str | None]
    reads: Callable[[Response], bool] | None = None
    whole: bool = False

    def __repr__(self) -> str:
        return f"Send({', '.join(self.headers)})"  # what they hold is secret


class Ask(msgspec.Struct, frozen=True):
    """Send this, follow no redirect, and answer a Response with its body, or with the first MiB of it."""

    request: Request


Room: TypeAlias = Literal["", "the session", "sessions", "calls"]


class Wait(msgspec.Struct, frozen=True):
    """Wait until this is done, and leave it going on when the waiting ends before. Raises what it raises.

    `seconds`: for so long at most, then `TimeoutError`; None: for as long as it takes.
    """

    future: Future[None]
    seconds: float | None = None
    room: Room = ""
    """For what there is no room, as its gate calls it; else what another one makes is waited for."""


class Pause(msgspec.Struct, frozen=True):
    """Let so many seconds go by."""

    seconds: float


class Do(msgspec.Struct, frozen=True):
    """Await what `work` returns, and answer its result. Raises what it raises."""

    work: Callable[[], Awaitable[Any]]

    def __repr__(self) -> str:
        return "Do()"  # what it is to do may hold what nobody is to see


Step: TypeAlias = Send | Ask | Wait | Pause | Do
Steps: TypeAlias = Generator[Step, Any, Response]


def shown(url: str) -> str:
    """Without what may be secret: user and password, the query, and the parameters of the path, as `;jsessionid=…`."""
    return _SECRET.sub("", url.partition("?")[0].partition("#")[0])

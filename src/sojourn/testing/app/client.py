"""Client: a visitor's browser, as far as sessions look at it; over the standard library's client."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

__all__ = ["Answer", "Visitor", "over"]

PATIENCE = 20.0  # seconds after which a server is taken to have failed


class Answer:
    """What came back, as it came."""

    def __init__(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = [(name.lower(), value) for name, value in headers]
        self.body = body

    def all(self, name: str) -> list[str]:
        """The values of the headers of that name, which is given in lower case."""
        return [value for each, value in self.headers if each == name]

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that it sets; "" for one that it clears."""
        return dict(line.partition(";")[0].split("=", 1) for line in self.all("set-cookie"))

    @property
    def value(self) -> Any:
        """What the deed returned. A failed request is told with what it answered."""
        assert self.status < 400, f"{self.status}: {self.body[:200]!r}"
        return json.loads(self.body)


class Visitor:
    """Somebody with a cookie jar."""

    def __init__(self, url: str, jar: dict[str, str] | None = None) -> None:
        """`url`: of the application, without a path. `jar`: cookies to begin with."""
        self.url = url
        self.jar = dict(jar or {})

    def twin(self, url: str | None = None) -> Visitor:
        """The same cookies, in another tab, or at another application."""
        return Visitor(url or self.url, self.jar)

    def ask(self, deed: str = "nothing", *, method: str = "GET", **given: Any) -> Answer:
        """Have the application do `deed`, in a request of its own, and keep the cookies that it sets."""
        return self.send(f"/{deed}?{urlencode(given)}", method=method)

    def send(
        self,
        target: str,
        *,
        method: str = "GET",
        cookies: str | None = None,
        headers: Mapping[str, str] | None = None,
        connection: http.client.HTTPConnection | None = None,
        keep: bool = True,
    ) -> Answer:
        """Ask for a path. `cookies`: a Cookie header in place of the jar's; `connection`: one that stays open.

        `keep`: whether the jar keeps what is set, or the answer got lost.
        """
        if cookies is None:
            cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        sent = {**(headers or {}), **({"Cookie": cookies} if cookies else {})}
        if connection is not None:
            answer = _exchange(connection, method, target, sent)
        else:
            with over(self.url) as own:
                answer = _exchange(own, method, target, sent | {"Connection": "close"})
        if keep:
            self.keep(answer)
        return answer

    @contextmanager
    def listening(self, target: str) -> Iterator[http.client.HTTPResponse]:
        """An answer that is still being sent; what is left of it is for `read()`."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        with over(self.url) as connection:
            connection.request("GET", target, headers={"Cookie": cookies} if cookies else {})
            with connection.getresponse() as response:
                yield response

    def keep(self, answer: Answer) -> None:
        """Take the cookies of an answer into the jar."""
        for name, value in answer.cookies.items():
            self.jar.pop(name, None)
            if value:
                self.jar[name] = value


@contextmanager
def over(url: str) -> Iterator[http.client.HTTPConnection]:
    """A connection to the server, for one request after another, whoever's they are."""
    address = urlsplit(url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE)) as connection:
        yield connection


def _exchange(connection: http.client.HTTPConnection, method: str, target: str, headers: dict[str, str]) -> Answer:
    connection.request(method, target, headers=headers)
    response = connection.getresponse()
    return Answer(response.status, response.getheaders(), response.read())

"""Sessions of an exchange: each call goes through it."""

from __future__ import annotations

import copy
import threading
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urljoin

import requests
import requests.adapters

from sojourn.outbound.drivers.requests.begun import Begun
from sojourn.outbound.drivers.requests.connections import HOW, Connections
from sojourn.outbound.drivers.requests.messages import answer_of, call_of, position, with_headers, without_cookies
from sojourn.outbound.driving import drive
from sojourn.outbound.messages import Request, Response, Send

if TYPE_CHECKING:
    from sojourn.outbound.exchange import Exchange

__all__ = ["session"]


def session(exchange: Exchange, adapter: requests.adapters.HTTPAdapter | None = None) -> requests.Session:
    """A session of `exchange`. `adapter`: by which it goes."""
    below = _Adapter(exchange, adapter)
    made = _Session(exchange.backend.rules.url, below)
    exchange.open()
    return made


class _Adapter(requests.adapters.BaseAdapter):
    """What a session sends by: closing it ends the session's part of the exchange."""

    def __init__(self, exchange: Exchange, adapter: requests.adapters.HTTPAdapter | None) -> None:
        """`adapter`: by which it goes; else connections that the back end may keep."""
        super().__init__()
        self._exchange = exchange
        self._open = True
        self._lock = threading.Lock()
        self._line, self._own = exchange.backend.lines.open(Connections, adapter)

    def send(self, request: requests.PreparedRequest, *args: Any, **how: Any) -> requests.Response:
        """As of `HTTPAdapter.send`."""
        how.update(zip(HOW, args, strict=False))
        hands = _Hands(self._line, request, how)
        try:
            drive(self._exchange.steps(call_of(request)), hands)
        except BaseException:
            hands.discard()
            raise
        response = without_cookies(hands.response)
        response.connection = self  # type: ignore[assignment] # whoever answers a challenge sends by it
        return response

    def close(self, **how: Any) -> None:
        """`how`: what is asked for at the end is sent, as of `HTTPAdapter.send`. May be called again."""
        with self._lock:
            was_open, self._open = self._open, False
        if not was_open:
            return
        try:
            drive(self._exchange.closing(), _Asking(self._line, how))
        finally:
            if self._own:
                self._line.close()


class _Session(requests.Session):
    """A session of requests for one back end."""

    def __init__(self, url: str, adapter: _Adapter) -> None:
        """`url`: what others are relative to. `adapter`: for all that is http."""
        super().__init__()
        self._url = url
        self._adapter = adapter
        self.auth = _unchanged  # else requests looks for credentials in ~/.netrc
        self.trust_env = False  # the way is the back end's, as with the other libraries: none by HTTP_PROXY
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """As ever, but its URL may be relative."""
        request = copy.copy(request)
        request.url = urljoin(self._url, request.url)
        return super().prepare_request(request)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """As ever, but without ~/.netrc."""
        headers = prepared_request.headers
        if "Authorization" in headers and self.should_strip_auth(response.request.url, prepared_request.url):  # type: ignore[no-untyped-call]
            del headers["Authorization"]

    def close(self) -> None:
        """Close all of it, and end its part of the exchange."""
        how = self.merge_environment_settings(self._url, {}, None, None, None)
        try:
            self._adapter.close(**how)
        finally:
            super().close()


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _Asking:
    """Asks by connections, in the way of one call or one session."""

    __slots__ = ("_how", "_line")

    def __init__(self, line: Connections, how: dict[str, Any]) -> None:
        self._line = line
        self._how = how

    def ask(self, request: Request) -> Response:
        return self._line.ask(request, **self._how)


class _Hands(_Asking):
    """At work on one call."""

    __slots__ = ("_request", "_start", "response")

    response: requests.Response
    """To what was sent last: there is one from the first `Send` on, and no negotiation ends without one."""

    def __init__(self, line: Connections, request: requests.PreparedRequest, how: dict[str, Any]) -> None:
        super().__init__(line, how)
        self._request = request
        self._start = position(request.body)

    def send(self, step: Send) -> Response:
        if hasattr(self, "response"):
            self.response.close()
            if self._start is not None:
                cast("IO[bytes]", self._request.body).seek(self._start)
        request = with_headers(self._request, step.headers)
        response = self.response = self._line.send(request, self._how, shown=self._request)
        response.request = self._request
        answer = answer_of(response, str(self._request.url))
        reads = step.reads is not None and step.reads(answer)
        if step.whole or (reads and not self._how.get("stream")):  # else requests reads all of it a moment later
            answer.body = response.content
        elif reads:
            response.raw = begun = Begun(response.raw)
            answer.body = begun.begin()
        return answer

    def discard(self) -> None:
        if hasattr(self, "response"):
            self.response.close()

"""Requests: sessions of it whose calls go through an exchange. The back end's session is below them, in an adapter."""

from __future__ import annotations

import contextlib
import copy
import http.client
import os
import threading
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urljoin

from sojourn.errors import SettingError
from sojourn.outbound.drivers.reading import PIECE, Reading
from sojourn.outbound.drivers.way import Way
from sojourn.outbound.driving import PATIENCE, drive
from sojourn.outbound.messages import Call, Request, Response, Send
from sojourn.outbound.visiting.pages import LONGEST

try:
    import requests
    import requests.adapters
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
except ModuleNotFoundError:
    raise SettingError("this exchange needs requests: pip install requests") from None

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator, Sequence

    from sojourn.outbound.exchange import Exchange

__all__ = ["Adapter", "Connections", "Session", "session"]

_MOST_IDLE = 100  # connections that are kept: as many as httpx2 and aiohttp use at once
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # variables in which sessions of requests find whom to trust
_HOW = ("stream", "timeout", "verify", "cert", "proxies")  # what `HTTPAdapter.send` takes besides the request


def session(exchange: Exchange, adapter: requests.adapters.HTTPAdapter | None = None) -> requests.Session:
    """A session of `exchange`. `adapter`: by which it goes."""
    below = Adapter(exchange, adapter)
    made = Session(exchange.backend.rules.url, below)
    below.open()
    return made


class Connections:
    """The connections of clients that wait."""

    def __init__(self, way: Way, adapter: requests.adapters.HTTPAdapter | None = None) -> None:
        """`adapter`: by which it goes, instead of one that goes that way."""
        self.adapter = adapter or _Connecting(way)

    def ask(self, request: Request, **how: Any) -> Response:
        """Send a request of a negotiation's own. `how`: as of `HTTPAdapter.send`."""
        prepared = requests.Request(request.method, request.url, dict(request.headers), data=request.body).prepare()
        how = {"timeout": PATIENCE, **how, "stream": True}
        reading = Reading()
        with _showing(None), contextlib.closing(self.send(prepared, how)) as response:
            for piece in response.iter_content(PIECE):
                if not reading.take(piece):
                    break
            return _answer(response, request.url, reading.body)

    def send(self, request: requests.PreparedRequest, how: dict[str, Any]) -> requests.Response:
        """As of `HTTPAdapter.send`, but an interim answer is an error: its connection has the answer still to come."""
        response = self.adapter.send(request, **how)
        if _is_interim(response.status_code):
            response.close()
            raise requests.ConnectionError(
                f"an interim answer ({response.status_code}), which this adapter cannot read"
            )
        return response

    def close(self) -> None:
        """Close them."""
        self.adapter.close()


class _Answer(http.client.HTTPResponse):
    """The answer that follows interim ones (RFC 9110 §15.2): `http.client` knows of 100 alone.

    What cannot be read is quoted nowhere, for it may be the line of a cookie; urllib3 would warn of it.
    """

    def begin(self) -> None:
        super().begin()
        while _is_interim(self.status):
            self.headers = self.msg = None  # type: ignore[assignment] # or it has begun
            super().begin()
        if self.msg.defects:
            self.msg.defects = [type(each)() for each in self.msg.defects]
            self.msg.set_payload("")

    def _read_status(self) -> Any:
        try:
            return super()._read_status()  # type: ignore[misc]
        except http.client.RemoteDisconnected:
            raise
        except http.client.BadStatusLine:
            pass
        raise http.client.BadStatusLine("it is no HTTP")


class _Http(HTTPConnection):
    response_class = _Answer


class _Https(HTTPSConnection):
    response_class = _Answer


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


class _Connecting(requests.adapters.HTTPAdapter):
    """Connects, and shows no cookies to `http.cookiejar`, which warns of what it cannot read."""

    def __init__(self, way: Way) -> None:
        """`way`: for what is not said with a call. Raises `SettingError` where it could not be gone."""
        if way.tls is not None and not hasattr(requests.adapters.HTTPAdapter, "build_connection_pool_key_attributes"):
            raise SettingError("Backend(tls=…): this requests goes its own way; install requests 2.32.3 or newer")
        super().__init__(pool_maxsize=_MOST_IDLE)
        self._way = way
        self._proxies = {} if way.proxy is None else {"all": way.proxy.url}

    def init_poolmanager(self, *args: Any, **how: Any) -> None:
        super().init_poolmanager(*args, **how)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **how: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **how)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **how: Any) -> requests.Response:
        how.update(zip(_HOW, args, strict=False))
        how["proxies"] = how.get("proxies") or self._proxies
        if how.get("verify", True) is True and self._way.tls is None:
            how["verify"] = next(filter(None, map(os.environ.get, _BUNDLES)), True)
        return super().send(request, **how)

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        own = self._way.proxy
        if own is None or proxy != own.url:
            return super().proxy_headers(proxy)
        return {"Proxy-Authorization": own.authorization} if own.authorization else {}

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, how = super().build_connection_pool_key_attributes(request, verify, cert)
        if (tls := self._of_way(verify, cert)) is not None:
            return host, {"ssl_context": tls, "cert_reqs": tls.verify_mode}  # or urllib3 would set another one in it
        return host, how

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        if self._of_way(verify, cert) is None:  # else urllib3 would load what it trusts into the context, besides
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]

    def _of_way(self, verify: Any, cert: Any) -> ssl.SSLContext | None:
        """The context, unless the client says itself whom it trusts, or shows a certificate."""
        return self._way.tls if verify in (None, True) and cert is None else None

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        _forget_cookies(resp)
        return super().build_response(req, resp)


class Adapter(requests.adapters.BaseAdapter):
    """What a session sends by: closing it ends the session's part of the exchange."""

    def __init__(self, exchange: Exchange, adapter: requests.adapters.HTTPAdapter | None = None) -> None:
        """`adapter`: by which it goes; else connections that the back end may keep."""
        super().__init__()
        self._exchange = exchange
        self._open = True
        self._lock = threading.Lock()
        if adapter is None:
            self._line, self._own = exchange.backend.lines.open(Connections)
        else:
            self._line, self._own = Connections(exchange.backend.way, adapter), True

    def open(self) -> None:
        """Be part of the exchange, when there is a session that closes it. Raises `ExchangeEnded`."""
        self._exchange.open()

    def send(self, request: requests.PreparedRequest, *args: Any, **how: Any) -> requests.Response:
        """As of `HTTPAdapter.send`."""
        how.update(zip(_HOW, args, strict=False))
        hands = _Hands(self._line, request, how)
        try:
            drive(self._exchange.steps(_call(request)), hands)
        except BaseException:
            hands.discard()
            raise
        response = hands.result()
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


class Session(requests.Session):
    """A session of requests for one back end."""

    def __init__(self, url: str, adapter: Adapter) -> None:
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


class _Asking:
    """Asks by connections, in the way of one call or one session."""

    __slots__ = ("how", "line")

    def __init__(self, line: Connections, how: dict[str, Any]) -> None:
        self.line = line
        self.how = how

    def ask(self, request: Request) -> Response:
        return self.line.ask(request, **self.how)


class _Hands(_Asking):
    """At work on one call."""

    __slots__ = ("_request", "_response", "_start")

    def __init__(self, line: Connections, request: requests.PreparedRequest, how: dict[str, Any]) -> None:
        super().__init__(line, how)
        self._request = request
        self._response: requests.Response | None = None
        self._start = _position(request.body)

    def send(self, step: Send) -> Response:
        if self._response is not None:
            self.discard()
            if self._start is not None:
                cast("IO[bytes]", self._request.body).seek(self._start)
        with _showing(self._request):
            response = self._response = self.line.send(_with(self._request, step), self.how)
        response.request = self._request
        answer = _answer(response, str(self._request.url))
        reads = step.reads is not None and step.reads(answer)
        if step.whole or (reads and not self.how.get("stream")):  # else requests reads all of it a moment later
            answer.body = response.content
        elif reads:
            response.raw = begun = _Begun(response.raw)
            answer.body = begun.begin()
        return answer

    def result(self) -> requests.Response:
        if self._response is None:
            raise RuntimeError("a negotiation ended without sending the call")
        return _without_cookies(self._response)

    def discard(self) -> None:
        if self._response is not None:
            self._response.close()


class _Begun:
    """A body that was read for a while, from its beginning; to requests, it is what comes in."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._head = bytearray()
        reader = requests.Response()  # for its errors
        reader.raw = raw
        self._pieces = reader.iter_content(PIECE)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def begin(self) -> bytes:
        """Read what fits; it is read once more for all that."""
        while len(self._head) < LONGEST and (piece := next(self._pieces, b"")):
            self._head += piece
        return bytes(self._head)

    def stream(self, amt: int = PIECE, **_: object) -> Generator[bytes, None, None]:
        while piece := self._some(amt):
            yield piece

    def read(self, amt: int | None = None, **_: object) -> bytes:
        body = bytearray()
        while (amt is None or len(body) < amt) and (piece := self._some(PIECE if amt is None else amt - len(body))):
            body += piece
        return bytes(body)

    def _some(self, amt: int) -> bytes:
        self._head += b"" if self._head else next(self._pieces, b"")
        piece = bytes(self._head[:amt])
        del self._head[:amt]
        return piece


@contextlib.contextmanager
def _showing(request: requests.PreparedRequest | None) -> Generator[None, None, None]:
    """Have errors of requests show this request: the one that was sent holds what is secret."""
    try:
        yield
    except requests.RequestException as error:
        error.request = request
        raise


def _call(request: requests.PreparedRequest) -> Call:
    body = request.body

    def fields(name: str) -> Sequence[str]:
        value = request.headers.get(name)
        return () if value is None else (_text(value),)

    return Call(
        method=str(request.method),
        url=str(request.url),
        fields=fields,
        replayable=body is None or isinstance(body, str | bytes) or _position(body) is not None,
    )


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _position(body: Any) -> int | None:
    """Where a file begins that can be read once more; None for what is none."""
    try:
        return body.tell() if body.seekable() else None
    except (AttributeError, OSError):
        return None


def _with(request: requests.PreparedRequest, step: Send) -> requests.PreparedRequest:
    """A request that can be sent while the application's own stays as it is, without anything secret in it."""
    sent = copy.copy(request)
    sent.headers = request.headers.copy()
    for name, value in step.headers.items():
        if value is None:
            sent.headers.pop(name, None)
        else:
            sent.headers[name] = value
    return sent


def _answer(response: requests.Response, url: str, body: bytes | None = None) -> Response:
    return Response(response.status_code, url, response.raw.headers.getlist, body)


def _without_cookies(response: requests.Response) -> requests.Response:
    """They are the session's, and not for the jars of requests, which read them where they came in."""
    if "set-cookie" in response.raw.headers:
        del response.raw.headers["set-cookie"]
        del response.headers["set-cookie"]
        response.cookies.clear()
        _forget_cookies(response.raw)
    return response


def _is_interim(status: int) -> bool:
    return 100 <= status < 200 and status != http.HTTPStatus.SWITCHING_PROTOCOLS  # RFC 9110 §15.2.2: that one is final


def _forget_cookies(raw: Any) -> None:
    if (original := raw._original_response) is not None:  # noqa: SLF001 - what requests reads them of
        del original.msg["set-cookie"]

"""The clients, each behind one interface, so that one suite is for all."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import httpx2
import requests

from sojourn.outbound import Exchange

T = TypeVar("T")

CHUNK = 1 << 12


@dataclass(frozen=True)
class Answer:
    """What an application gets."""

    status: int
    url: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    cookies: int
    """Those that the client's own answer shows."""
    asked_with: Mapping[str, str]
    """The headers of the request that the application sees with it."""


@dataclass(frozen=True)
class Via:
    """How to reach what has no address here."""

    proxy: str
    tls: ssl.SSLContext
    authorities: str
    """A file of the certificates to trust."""


@dataclass(frozen=True)
class Call:
    """What an application asks for."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    once: bytes | None
    patience: float
    follow: bool


class Client(ABC):
    """A client of an exchange, as `async with`."""

    timeouts: tuple[type[Exception], ...]
    """What it raises when time is over."""
    garbled: tuple[type[Exception], ...]
    """What it raises for an answer that is no HTTP."""
    broken: tuple[type[Exception], ...]
    """What it raises when a connection breaks."""
    cancels = True
    """Whether a call can be cancelled."""

    @abstractmethod
    def __init__(self, exchange: Exchange, via: Via | None = None) -> None: ...

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        once: bytes | None = None,
        patience: float = 20.0,
        follow: bool = True,
    ) -> Answer:
        """`once`: a body that can be sent one time only. `patience`: seconds."""
        return await self.send(Call(method, url, headers or {}, body, once, patience, follow))

    @abstractmethod
    async def send(self, call: Call) -> Answer: ...

    @abstractmethod
    def stream(self, url: str) -> contextlib.AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The body of an answer, as it comes."""

    @property
    @abstractmethod
    def kept(self) -> int:
        """Cookies in the jar of the client itself."""

    @abstractmethod
    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Httpx2(Client):
    timeouts = (httpx2.TimeoutException,)
    garbled = (httpx2.RemoteProtocolError, httpx2.LocalProtocolError)
    broken = (httpx2.NetworkError, httpx2.RemoteProtocolError)

    def __init__(self, exchange: Exchange, via: Via | None = None) -> None:
        options: dict[str, Any] = {}
        if via is not None:
            options = {"proxy": via.proxy, "verify": via.tls}
        self.client = exchange.httpx2(**options)

    async def send(self, call: Call) -> Answer:
        content = call.body if call.once is None else pieces(call.once)
        return _of_httpx2(
            await self.client.request(
                call.method,
                call.url,
                headers=call.headers,
                content=content,
                timeout=call.patience,
                follow_redirects=call.follow,
            )
        )

    @contextlib.asynccontextmanager
    async def stream(self, url: str) -> AsyncGenerator[AsyncIterator[bytes], None]:
        async with self.client.stream("GET", url) as response:
            yield response.aiter_bytes(CHUNK)

    @property
    def kept(self) -> int:
        return len(self.client.cookies)

    async def close(self) -> None:
        await self.client.aclose()


class Aiohttp(Client):
    timeouts = (TimeoutError,)
    garbled = (aiohttp.ClientResponseError,)
    broken = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)

    def __init__(self, exchange: Exchange, via: Via | None = None) -> None:
        options: dict[str, Any] = {}
        if via is not None:
            options = {"proxy": via.proxy, "connector": aiohttp.TCPConnector(ssl=via.tls)}
        self.session = exchange.aiohttp(**options)

    async def send(self, call: Call) -> Answer:
        large = call.body is not None and len(call.body) > 1 << 20  # of which aiohttp warns
        content = io.BytesIO(call.body or b"") if large else call.body
        async with self.session.request(
            call.method,
            call.url,
            headers=call.headers,
            data=content if call.once is None else pieces(call.once),
            timeout=aiohttp.ClientTimeout(total=call.patience),
            allow_redirects=call.follow,
        ) as response:
            return Answer(
                response.status,
                str(response.url),
                {name.lower(): value for name, value in response.headers.items()},
                await response.read(),
                len(response.cookies) + sum(name.lower() == b"set-cookie" for name, _ in response.raw_headers),
                {name.lower(): value for name, value in response.request_info.headers.items()},
            )

    @contextlib.asynccontextmanager
    async def stream(self, url: str) -> AsyncGenerator[AsyncIterator[bytes], None]:
        async with self.session.get(url) as response:
            yield response.content.iter_chunked(CHUNK)

    @property
    def kept(self) -> int:
        return len(self.session.cookie_jar)

    async def close(self) -> None:
        await self.session.close()


class InThreads(Client):
    """One that waits: each call in a thread."""

    cancels = False

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(50)

    async def run(self, function: Callable[..., T], *args: Any, **options: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, functools.partial(function, *args, **options))

    async def through(self, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        while chunk := await self.run(next, chunks, b""):
            yield chunk

    async def close(self) -> None:
        try:
            await self.run(self.close_now)
        finally:
            self._threads.shutdown()

    @abstractmethod
    def close_now(self) -> None: ...


class Httpx2Sync(InThreads):
    timeouts = Httpx2.timeouts
    garbled = Httpx2.garbled
    broken = Httpx2.broken

    def __init__(self, exchange: Exchange, via: Via | None = None) -> None:
        super().__init__()
        options: dict[str, Any] = {}
        if via is not None:
            options["transport"] = httpx2.HTTPTransport(proxy=via.proxy, verify=via.tls)
        self.client = exchange.httpx2_sync(**options)

    async def send(self, call: Call) -> Answer:
        content = call.body if call.once is None else iter([call.once])
        return await self.run(
            lambda: _of_httpx2(
                self.client.request(
                    call.method,
                    call.url,
                    headers=call.headers,
                    content=content,
                    timeout=call.patience,
                    follow_redirects=call.follow,
                )
            )
        )

    @contextlib.asynccontextmanager
    async def stream(self, url: str) -> AsyncGenerator[AsyncIterator[bytes], None]:
        response = await self.run(self.client.send, self.client.build_request("GET", url), stream=True)
        try:
            yield self.through(response.iter_bytes(CHUNK))
        finally:
            await self.run(response.close)

    @property
    def kept(self) -> int:
        return len(self.client.cookies)

    def close_now(self) -> None:
        self.client.close()


class Requests(InThreads):
    timeouts = (requests.Timeout,)
    garbled = (requests.ConnectionError,)
    broken = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)

    def __init__(self, exchange: Exchange, via: Via | None = None) -> None:
        super().__init__()
        self.session = exchange.requests()
        if via is not None:
            self.session.proxies = {"http": via.proxy, "https": via.proxy}
            self.session.trust_env = False  # else a bundle of the machine wins
            self.session.verify = via.authorities

    async def send(self, call: Call) -> Answer:
        data: Any = call.body if call.once is None else iter([call.once])
        response = await self.run(
            self.session.request,
            call.method,
            call.url,
            headers=call.headers,
            data=data,
            timeout=call.patience,
            allow_redirects=call.follow,
        )
        return Answer(
            response.status_code,
            response.url,
            {name.lower(): value for name, value in response.headers.items()},
            response.content,
            len(response.cookies),
            {name.lower(): value for name, value in response.request.headers.items()},
        )

    @contextlib.asynccontextmanager
    async def stream(self, url: str) -> AsyncGenerator[AsyncIterator[bytes], None]:
        response = await self.run(self.session.get, url, stream=True)
        try:
            yield self.through(response.iter_content(CHUNK))
        finally:
            await self.run(response.close)

    @property
    def kept(self) -> int:
        return len(self.session.cookies)

    def close_now(self) -> None:
        self.session.close()


CLIENTS: dict[str, type[Client]] = {
    "httpx2": Httpx2,
    "httpx2-sync": Httpx2Sync,
    "aiohttp": Aiohttp,
    "requests": Requests,
}


async def pieces(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


def _of_httpx2(response: httpx2.Response) -> Answer:
    return Answer(
        response.status_code,
        str(response.url),
        {name.lower(): value for name, value in response.headers.items()},
        response.content,
        len(response.cookies),
        {name.lower(): value for name, value in response.request.headers.items()},
    )

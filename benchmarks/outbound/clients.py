"""One client at work: `python -m benchmarks.outbound.clients CLIENT WAY URL PASSWORD AMOUNT`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import httpx2
import requests

from sojourn.outbound import Backend, Basic

__all__ = ["CLIENTS"]

AT_ONCE = 32

CLIENTS = {
    "aiohttp": f"aiohttp, {AT_ONCE} at once",
    "httpx2": f"httpx2, {AT_ONCE} at once",
    "httpx2-sync": "httpx2, one after the other",
    "requests": "requests, one after the other",
}


def main(name: str, way: str, url: str, password: str, amount: float) -> dict[str, float]:
    """Work in one way, for so many seconds: `way` "bare" and "ours" reuse a session, "each" signs in each time.

    "one" is ours, and like "each" one call after the other; "crowd" is ours with `amount` calls at once.
    """
    if way == "crowd":
        return asyncio.run(crowd(url, password, int(amount)))
    at_once = 1 if way in ("each", "one") else AT_ONCE
    if name in ("aiohttp", "httpx2"):
        return asyncio.run(several(ASYNC[name](url, password, way), amount, at_once))
    with SYNC[name](url, password, way) as call:
        call()
        begun, used, count = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - begun < amount:
            call()
            count += 1
        return told(count, begun, used)


async def several(
    client: contextlib.AbstractAsyncContextManager[Callable[[], Awaitable[None]]], seconds: float, at_once: int
) -> dict[str, float]:
    """So many callers, for so long."""
    async with client as call:
        await call()
        begun, used, count = time.perf_counter(), time.process_time(), 0

        async def work() -> None:
            nonlocal count
            while time.perf_counter() - begun < seconds:
                await call()
                count += 1

        await asyncio.gather(*(work() for _ in range(at_once)))
        return told(count, begun, used)


async def crowd(url: str, password: str, calls: int) -> dict[str, float]:
    """So many calls at once, each on a connection of its own."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    connector = aiohttp.TCPConnector(limit=0)
    erp = Backend(url, reuse="exchange", auth=Basic("alice", password))
    async with erp.exchange().aiohttp(connector=connector, timeout=aiohttp.ClientTimeout(300)) as http:
        begun, used = time.perf_counter(), time.process_time()

        async def call() -> None:
            async with http.get("rows") as answer:
                answer.raise_for_status()
                await answer.read()

        await asyncio.gather(*(call() for _ in range(calls)))
        return told(calls, begun, used)


def told(count: int, begun: float, used: float) -> dict[str, float]:
    """The figures."""
    return {
        "rate": count / (time.perf_counter() - begun),
        "cpu": (time.process_time() - used) / count,
        "resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


@contextlib.asynccontextmanager
async def with_aiohttp(url: str, password: str, way: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A client of aiohttp."""
    signed = {"Authorization": Basic("alice", password).secret.decode()}
    if way in ("ours", "one"):
        erp = Backend(url, reuse="exchange", auth=Basic("alice", password))
        client = erp.exchange().aiohttp()
    else:
        jar = aiohttp.DummyCookieJar() if way == "each" else aiohttp.CookieJar(unsafe=True)
        client = aiohttp.ClientSession(url, cookie_jar=jar)
    async with client as http:
        if way == "bare":
            async with http.get("/me", headers=signed) as answer:
                answer.raise_for_status()

        async def call() -> None:
            async with http.get("/me", headers=signed if way == "each" else None) as answer:
                answer.raise_for_status()
                await answer.read()

        yield call


@contextlib.asynccontextmanager
async def with_httpx2(url: str, password: str, way: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A client of httpx2."""
    auth = ("alice", password)
    erp = Backend(url, reuse="exchange", auth=auth)
    client = erp.exchange().httpx2() if way in ("ours", "one") else httpx2.AsyncClient(base_url=url)
    async with client as http:
        if way == "bare":
            (await http.get("/me", auth=auth)).raise_for_status()

        async def call() -> None:
            if way == "each":
                http.cookies.clear()
                (await http.get("/me", auth=auth)).raise_for_status()
            else:
                (await http.get("/me")).raise_for_status()

        yield call


@contextlib.contextmanager
def with_httpx2_sync(url: str, password: str, way: str) -> Iterator[Callable[[], None]]:
    """A client of httpx2 that waits."""
    auth = ("alice", password)
    erp = Backend(url, reuse="exchange", auth=auth)
    client = erp.exchange().httpx2_sync() if way in ("ours", "one") else httpx2.Client(base_url=url)
    with client as http:
        if way == "bare":
            http.get("/me", auth=auth).raise_for_status()

        def call() -> None:
            if way == "each":
                http.cookies.clear()
                http.get("/me", auth=auth).raise_for_status()
            else:
                http.get("/me").raise_for_status()

        yield call


@contextlib.contextmanager
def with_requests(url: str, password: str, way: str) -> Iterator[Callable[[], None]]:
    """A client of requests."""
    auth = ("alice", password)
    erp = Backend(url, reuse="exchange", auth=auth)
    client = erp.exchange().requests() if way in ("ours", "one") else requests.Session()
    with client as http:
        if way == "bare":
            http.get(f"{url}/me", auth=auth).raise_for_status()

        def call() -> None:
            if way == "each":
                http.cookies.clear()
                http.get(f"{url}/me", auth=auth).raise_for_status()
            else:
                http.get(f"{url}/me").raise_for_status()

        yield call


ASYNC: dict[str, Any] = {"aiohttp": with_aiohttp, "httpx2": with_httpx2}
SYNC: dict[str, Any] = {"httpx2-sync": with_httpx2_sync, "requests": with_requests}

if __name__ == "__main__":
    _, client, kind, address, secret, much = sys.argv
    print(json.dumps(main(client, kind, address, secret, float(much))))

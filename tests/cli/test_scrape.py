"""One answer for all workers, in the little of HTTP that Prometheus needs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sojourn.cli.scrape import Endpoint, figures_at, merged

ONE = b"""# HELP a_total What "a" is, {in words}.
# TYPE a_total counter
a_total 1.0
# HELP b Sizes.
# TYPE b histogram
b_bucket{app="shop",le="+Inf"} 2.0
b_count{app="shop"} 2.0
b_sum{app="shop"} 7.5
"""
TWO = b"""# HELP b Sizes.
# TYPE b histogram
b_bucket{app="a } \\"b\\"",le="+Inf"} 3.0
# HELP c A thing that the other has not.
# TYPE c gauge
c{app="shop"} NaN 1795340780
"""


@asynccontextmanager
async def answering(text: bytes = b"a 1\n") -> AsyncIterator[int]:
    async def texts() -> bytes:
        return text

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        async with Endpoint(listener, texts):
            yield listener.getsockname()[1]


async def said(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


def test_each_sample_names_its_worker_and_each_family_is_in_one_place() -> None:
    text = merged({1: ONE, 2: TWO}).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert text.count("# TYPE") == len(families) == 4
    samples = [(each.name, each.labels) for family in families.values() for each in family.samples]
    assert samples == [
        ("a_total", {"worker": "1"}),
        ("b_bucket", {"worker": "1", "app": "shop", "le": "+Inf"}),
        ("b_count", {"worker": "1", "app": "shop"}),
        ("b_sum", {"worker": "1", "app": "shop"}),
        ("b_bucket", {"worker": "2", "app": 'a } "b"', "le": "+Inf"}),
        ("c", {"worker": "2", "app": "shop"}),
        ("sojourn_worker_up", {"worker": "1"}),
        ("sojourn_worker_up", {"worker": "2"}),
    ]
    assert families["b"].documentation == "Sizes."


def test_a_worker_that_does_not_answer_is_down_and_the_others_are_told() -> None:
    text = merged({1: None, 2: ONE}).decode()
    assert 'sojourn_worker_up{worker="1"} 0' in text
    assert 'sojourn_worker_up{worker="2"} 1' in text
    assert 'a_total{worker="2"} 1.0' in text


async def test_what_is_answered_can_be_asked_for() -> None:
    async with answering(ONE) as port:
        assert await figures_at(port) == ONE
        assert await asyncio.gather(*(figures_at(port) for _ in range(20))) == [ONE] * 20


async def test_where_nobody_answers_there_is_nothing() -> None:
    async with answering() as port:
        pass
    assert await figures_at(port) is None


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /metrics HTTP/1.1", b"200"),
        (b"GET /metrics?name=a HTTP/1.0", b"200"),
        (b"GET / HTTP/1.1", b"404"),
        (b"GET /metrics/../etc/passwd HTTP/1.1", b"404"),
        (b"POST /metrics HTTP/1.1", b"405"),
    ],
)
async def test_nothing_else_is_answered(request_line: bytes, status: bytes) -> None:
    async with answering() as port:
        answer = await said(port, request_line + b"\r\nhost: x\r\n\r\n")
    assert answer.split()[1] == status
    assert answer.endswith(b"\r\n\r\na 1\n" if status == b"200" else b"\r\n\r\n")


async def test_head_has_no_body() -> None:
    async with answering() as port:
        answer = await said(port, b"HEAD /metrics HTTP/1.1\r\n\r\n")
    assert b"content-length: 4\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("noise", [b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"x" * 100_000, b"GET /m"])
async def test_noise_is_hung_up_on_and_harms_nobody(noise: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with answering() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(noise)
        writer.write_eof()
        with suppress(ConnectionResetError):
            assert not (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        assert await figures_at(port) == b"a 1\n"
    assert caplog.text == ""

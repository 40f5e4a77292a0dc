"""A shop and a blog share their visitors' ids: in one process behind one address, and in a process each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.fixtures.servers import serve
from tests.fixtures.wire import Wire

SETTINGS = """
[sessions]
store = "{store}"
share_id = true
near = false

[sessions.lifetime]
idle = "20m"

[applications.blog.lifetime]
idle = "40m"
"""


class Visitor:
    """Somebody with one jar of cookies for all applications of a host."""

    def __init__(self, wires: dict[str, Wire], paths: dict[str, str]) -> None:
        self.jar: dict[str, str] = {}
        self._wires = wires
        self._paths = paths
        for wire in wires.values():
            wire.jar = self.jar

    @property
    def id(self) -> str:
        return next(value for name, value in self.jar.items() if "-v" not in name)

    async def ask(self, application: str, target: str) -> object:
        reply = await self._wires[application].ask(self._paths[application] + target)
        assert reply.status == 200
        return reply.value


@pytest.fixture(params=["one process", "a process each"])
def visitor(
    request: pytest.FixtureRequest, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Visitor]:
    with ExitStack() as servers:
        if request.param == "one process":
            monkeypatch.setenv("SITE_STORE", store_url)
            site = servers.enter_context(serve(tmp_path, "tests.end_to_end.applications:app"))
            wires = {name: Wire(site.port) for name in ("shop", "blog")}
            yield Visitor(wires, {"shop": "/shop", "blog": "/blog"})
            return
        settings = tmp_path / "sojourn.toml"
        settings.write_text(SETTINGS.format(store=store_url))
        wires = {}
        for name in ("shop", "blog"):
            (directory := tmp_path / name).mkdir()
            options = ("--settings", str(settings), "--app", name)
            serving = serve(directory, "tests.fixtures.site:app", *options, store=store_url)
            wires[name] = Wire(servers.enter_context(serving).port)
        yield Visitor(wires, {"shop": "", "blog": ""})


async def test_a_visitor_has_one_id_and_a_session_in_each(visitor: Visitor) -> None:
    assert await visitor.ask("shop", "/count") == 1
    first = visitor.id
    assert [await visitor.ask("blog", "/count") for _ in range(2)] == [1, 2]
    assert await visitor.ask("shop", "/count") == 2
    assert visitor.id == first
    await visitor.ask("blog", "/log_in?user=alice")
    assert visitor.id != first
    assert (await visitor.ask("shop", "/who"), await visitor.ask("blog", "/who")) == ([None, None], ["alice"] * 2)
    assert await visitor.ask("shop", "/count") == 3
    await visitor.ask("blog", "/end")
    assert (await visitor.ask("blog", "/count"), await visitor.ask("shop", "/count")) == (1, 4)
    await visitor.ask("shop", "/end_everywhere")
    assert not [name for name in visitor.jar if "-v" not in name]
    assert (await visitor.ask("blog", "/count"), await visitor.ask("shop", "/count")) == (1, 1)

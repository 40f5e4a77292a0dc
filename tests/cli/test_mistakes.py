"""What the user got wrong is told in one line, with exit status 2 and no traceback."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
from tests.cli.served import run

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION = "async def app(scope, receive, send): ..."

FAILING = """\
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "a traceback, over many lines"})
    raise OSError("no bank\\ntoday")
"""

SHOPS = {
    "a module that is not there": ("", "sop:app", "no module 'sop'", "did you mean 'shop'?"),
    "a module in a package that is not there": ("", "shops.cart:app", "no module 'shops'", "did you mean 'shop'?"),
    "an import that fails": ("\nimport nowhere", "shop:app", "No module named 'nowhere' (shop.py:2)", "install"),
    "an error on import": ("def go():\n    int('x')\ngo()", "shop:app", "ValueError: invalid literal", "(shop.py:2)"),
    "an exit on import": ("raise SystemExit(0)", "shop:app", "SystemExit: 0 (shop.py:1)", "mend"),
    "a process that ends on import": ("import os; os._exit(3)", "shop:app", "status 3", "imported"),
    "no Python": ("x = (", "shop:app", "SyntaxError: '(' was never closed (shop.py:1)", "mend"),
    "another attribute": (APPLICATION, "shop:ap", "shop has no 'ap'", "did you mean 'app'?"),
    "a far attribute": (APPLICATION, "shop:server", "shop has no 'server'", "did you mean 'app'?"),
    "a deep attribute": (APPLICATION, "shop:app.inner", "shop has no 'inner'", "give the name"),
    "no attribute": (APPLICATION, "shop", "'shop' names no application", "MODULE:APP"),
    "what cannot be called": ("app = {}", "shop:app", "of type dict", "(scope, receive, send)"),
    "a factory": ("def app(): ...", "shop:app", "does not take what ASGI passes", "(scope, receive, send)"),
    "a class": ("class app: ...", "shop:app", "is a class", "name an instance"),
    "a lifespan that fails": (
        FAILING,
        "shop:app",
        "did not start: OSError: no bank (shop.py:4)",
        "mend its lifespan",
    ),
}

OPTIONS = {
    "no workers": (["--workers", "0"], "0 workers cannot serve"),
    "no host": (["--host", "nowhere.invalid"], "host 'nowhere.invalid' is unknown"),
    "another machine's host": (["--host", "192.0.2.1"], "192.0.2.1 is not an address of this machine"),
    "no port": (["--port", "65536"], "port 65536 does not exist"),
    "memory for two": (["--store", "memory:"], "of one process; give --workers 1"),
    "writing behind by two": (["--save", "async"], "give --workers 1 at each port"),
    "copies where none are": (["--outage", "read-only"], "outage='read-only' serves copies of the near cache"),
    "a limit of none": (["--limit", "0"], "0 is not in the range x>=1"),
    "a route of several words": (["--route", "n 1"], "route"),
    "no store": (["--store", "nothing://here"], "names no store"),
    "a store in no directory": (["--store", "sqlite:///nowhere/sessions.db"], "cannot be opened"),
    "a store in no database": (["--store", "sqlite:///shop.py"], "no SQLite file"),
}


def refusal(cwd: Path, *arguments: str) -> str:
    ended = run("serve", *arguments, cwd=cwd)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("sojourn: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


@pytest.mark.parametrize(("code", "target", "what", "advice"), SHOPS.values(), ids=SHOPS)
def test_an_application_that_cannot_be_served_is_told_in_one_line(
    tmp_path: Path, code: str, target: str, what: str, advice: str
) -> None:
    (tmp_path / "shop.py").write_text(code)
    line = refusal(tmp_path, target, "--port", "0")
    assert what in line
    assert advice in line


@pytest.mark.parametrize(("options", "what"), OPTIONS.values(), ids=OPTIONS)
def test_an_option_that_cannot_work_is_told_in_one_line(tmp_path: Path, options: list[str], what: str) -> None:
    (tmp_path / "shop.py").write_text(APPLICATION)
    assert what in refusal(tmp_path, "shop:app", "--port", "0", *options)


def test_a_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert f"port {port} of 127.0.0.1 is taken" in refusal(tmp_path, "shop:app", "--port", port)


def test_a_mistake_is_an_event_for_who_asked_for_json(tmp_path: Path) -> None:
    ended = run("serve", "shop:app", "--port", "0", "--json", cwd=tmp_path)
    assert json.loads(ended.stderr)["event"] == "error"
    assert ended.returncode == 2


def test_a_time_that_is_none_says_how_to_write_one(tmp_path: Path) -> None:
    ended = run("serve", "shop:app", "--idle", "soon", cwd=tmp_path)
    assert "'soon' is no time; write it as 90s, 30m, 12h or 1h30m" in ended.stderr
    assert ended.returncode == 2

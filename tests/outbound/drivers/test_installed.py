"""A client library is imported when its client is asked for, and no sooner."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sojourn.errors import SettingError
from sojourn.outbound import Backend, Jar

LIBRARIES = {"httpx2": ["httpx2", "httpx2_sync"], "aiohttp": ["aiohttp"], "requests": ["requests"]}


def test_no_client_library_is_imported_with_outbound() -> None:
    program = f"import sys, sojourn.outbound; print([each for each in {sorted(LIBRARIES)} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_that_is_missing_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"sojourn.outbound.drivers.{library}", raising=False)
    exchange = Backend("http://localhost/").exchange()
    for name in LIBRARIES[library]:
        with pytest.raises(SettingError, match=f"needs {library}: pip install"):
            getattr(exchange, name)()


def test_the_list_that_cookies_need_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    monkeypatch.delitem(sys.modules, "sojourn.outbound.jar.suffixes", raising=False)
    with pytest.raises(SettingError, match=r"cookies need the public suffix list: pip install 'sojourn\[outbound\]'"):
        Jar()


def test_what_would_go_past_the_exchange_is_refused() -> None:
    with pytest.raises(SettingError, match="mounts"):
        Backend("http://localhost/").exchange().httpx2(mounts={})

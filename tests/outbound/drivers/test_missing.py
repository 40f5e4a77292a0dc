"""A client library that is not installed is named, with what to do, when it is asked for."""

from __future__ import annotations

import sys

import pytest

from sojourn.errors import SettingError
from sojourn.outbound import Backend


@pytest.mark.parametrize("library", ["httpx2", "aiohttp", "requests"])
def test_a_library_that_is_missing_is_named_with_what_to_install(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"sojourn.outbound.drivers.{library}", raising=False)
    exchange = Backend("http://erp.example").exchange()
    with pytest.raises(SettingError, match=f"needs {library}: pip install"):
        getattr(exchange, library)()

"""Runs `async def` tests, each in an event loop of its own, and looks for ids wherever they leave something.

Lines are counted in some tests only (see `suite.measured`), and the longest begin first (see `suite.ordered`).
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures import issued
from tests.fixtures.suite import measured, ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator


def pytest_configure(config: pytest.Config) -> None:
    for plugin in (issued, measured, ordered):
        config.pluginmanager.register(plugin.Plugin())


def blocking(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    test = pyfuncitem.obj
    given = getattr(test, "hypothesis", None)
    if given is not None and inspect.iscoroutinefunction(given.inner_test):
        given.inner_test = blocking(given.inner_test)  # a loop for each example
    elif inspect.iscoroutinefunction(test):
        pyfuncitem.obj = blocking(test)


@pytest.fixture(autouse=True, scope="module")
def _logging_stays_as_it_was() -> Iterator[None]:
    """Litestar lowers the level of the root logger, for good."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers

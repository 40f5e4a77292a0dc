"""Two applications that share ids over one store, and somebody who visits both with one jar of cookies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor

from sojourn import Sessions

Make = Callable[..., Sessions]
Visit = Callable[..., tuple[Visitor, Visitor]]


@pytest.fixture
def share(make: Make, bare: None) -> Make:
    """Makes an application that shares ids."""

    def share(app: str, **settings: Any) -> Sessions:
        return make(app=app, share_id=True, **settings)

    return share


@pytest.fixture
def shop(share: Make) -> Sessions:
    return share("shop")


@pytest.fixture
def blog(share: Make) -> Sessions:
    return share("blog")


@pytest.fixture
def visit(shop: Sessions, blog: Sessions) -> Visit:
    """Somebody new in both, or in those that are given."""

    def visit(*applications: Sessions) -> tuple[Visitor, ...]:
        jar: dict[str, str] = {}
        visitors = tuple(map(Visitor, applications or (shop, blog)))
        for each in visitors:
            each.jar = jar
        return visitors

    return visit  # type: ignore[return-value]

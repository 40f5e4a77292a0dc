"""What is public: listed, in order, and described."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from typing import TYPE_CHECKING

import pytest

import sojourn
from sojourn import errors

if TYPE_CHECKING:
    from types import ModuleType

FOUND = [each for each in pkgutil.walk_packages(sojourn.__path__, "sojourn.") if not each.name.endswith("__main__")]
MODULES = ["sojourn", *(each.name for each in FOUND)]
PACKAGES = ["sojourn", *(each.name for each in FOUND if each.ispkg)]


def listed(module: ModuleType) -> list[str]:
    return list(getattr(module, "__all__", []))


def constants_then_classes_then_functions(name: str) -> tuple[int, str]:
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("name", MODULES)
def test_the_list_of_public_names_is_in_order_and_true(name: str) -> None:
    module = importlib.import_module(name)
    names = listed(module)
    assert names == sorted(set(names), key=constants_then_classes_then_functions)
    assert not [public for public in names if not hasattr(module, public)]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_lists_all_that_it_offers(name: str) -> None:
    module = importlib.import_module(name)
    offered = {
        public
        for public, value in vars(module).items()
        if not public.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__.startswith("sojourn")
    }
    assert offered <= set(listed(module))


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_described(name: str) -> None:
    module = importlib.import_module(name)
    values = {public: getattr(module, public) for public in listed(module)}
    assert inspect.getdoc(module)
    assert not [
        public
        for public, value in values.items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and (value.__doc__ or f"{public}(").startswith(f"{public}(")  # what dataclass writes is no description
    ]


def drawn() -> dict[str, str]:
    """Name to parent, as the tree in the docstring of `sojourn.errors` has them."""
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"(?P<indent>[ │]*)(?:[├└]── )?(?P<name>[A-Z]\w+)(?=$|  )", line)
        if found is None or not (path or line.strip() == "SojournError"):
            continue
        depth = found.start("name")
        while path and path[-1][0] >= depth:
            path.pop()
        parents[found["name"]] = path[-1][1] if path else "Exception"
        path.append((depth, found["name"]))
    return parents


def test_every_error_is_drawn_where_it_is_in_the_tree() -> None:
    raised = {
        name: value for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)
    }
    assert drawn().keys() == raised.keys()
    assert set(raised) <= set(listed(errors))
    assert not [
        name for name, parent in drawn().items() if parent not in {base.__name__ for base in raised[name].__bases__}
    ]

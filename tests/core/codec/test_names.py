"""The name of a class in stored data leads to a class of data that the application has imported, or to nothing."""

from __future__ import annotations

import enum
import subprocess
import sys
import types
from typing import Any

import ormsgpack
import pytest
from tests.core.codec import samples

from sojourn.core import codec
from sojourn.core.codec import Undecodable
from sojourn.core.codec.extensions import Code

HERE = samples.__name__


def named(code: int, name: object, value: object = None) -> bytes:
    return ormsgpack.packb(ormsgpack.Ext(code, ormsgpack.packb([name, {} if value is None else value])))


NO_DATA = [
    "os:system",
    "os:environ",
    "os:_Environ",
    "subprocess:Popen",
    "builtins:eval",
    "builtins:exec",
    "builtins:dict",
    "builtins:object",
    "builtins:type",
    "builtins:__import__",
    "types:FunctionType",
    "sys:modules",
    "enum:Enum",
    "pickle:Unpickler",
    "threading:Thread",
    "msgspec:Struct.__init__",
    f"{HERE}:pydantic.BaseModel.model_validate",
    f"{HERE}:dataclasses.dataclass",
    f"{HERE}:st.one_of",
    f"{HERE}:Nothing",
    f"{HERE}:Item.__init__",
    f"{HERE}:Item.__class__",
    f"{HERE}:Item.__init__.__globals__",
    f"{HERE}:",
    f"{HERE}:.",
    f"{HERE}",
    f"{HERE}:Item.",
    f"{HERE}:Item:Item",
    "",
    ":",
    ".",
    ":Item",
    "\0:\0",
    "ä:ö",
    "../samples:Item",
]


@pytest.mark.parametrize("code", [Code.ENUM, Code.FIELDS])
@pytest.mark.parametrize("name", NO_DATA, ids=range(len(NO_DATA)))
@pytest.mark.parametrize("value", [None, [], ["true"], "true", 1], ids=repr)
def test_a_name_of_anything_but_a_class_of_data_is_undecodable(name: str, code: int, value: object) -> None:
    with pytest.raises(Undecodable):
        codec.unpack(named(code, name, value))


@pytest.mark.parametrize("code", [Code.ENUM, Code.FIELDS])
@pytest.mark.parametrize("module", ["antigravity", "this", "turtledemo.clock", "idlelib.idle", "xmlrpc.server"])
def test_a_name_imports_nothing(module: str, code: int) -> None:
    assert module not in sys.modules
    before = set(sys.modules)
    for name in (f"{module}:Anything", f"{module}.x:Anything", f"{module.partition('.')[0]}:{module}"):
        with pytest.raises(Undecodable):
            codec.unpack(named(code, name))
    assert set(sys.modules) == before


def test_a_module_that_imports_when_it_is_asked_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(name: str) -> type:
        asked.append(name)
        return samples.Item

    lazy = types.ModuleType("lazy")
    lazy.__getattr__ = answer  # type: ignore[method-assign]  # PEP 562
    monkeypatch.setitem(sys.modules, "lazy", lazy)
    with pytest.raises(Undecodable):
        codec.unpack(named(Code.FIELDS, "lazy:Item", {"sku": "a"}))
    assert asked == []


def test_what_is_no_module_among_the_modules_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "odd", types.SimpleNamespace(Item=samples.Item))
    monkeypatch.setitem(sys.modules, "none", None)
    for name in ("odd:Item", "none:Item"):
        with pytest.raises(Undecodable):
            codec.unpack(named(Code.FIELDS, name, {"sku": "a"}))


@pytest.mark.parametrize("name", ["Item", "Shop.Address"])
def test_a_class_of_data_is_found_by_its_name(name: str) -> None:
    found: Any = codec.unpack(named(Code.FIELDS, f"{HERE}:{name}", {"sku": "a", "town": "b"}))
    assert type(found).__qualname__ == name


def test_a_nested_enum_is_found_by_its_name() -> None:
    assert codec.unpack(named(Code.ENUM, f"{HERE}:Shop.Kind", "food")) is samples.Shop.Kind.FOOD


def test_an_enum_is_no_object_with_fields_and_the_other_way_round() -> None:
    for wrong in (named(Code.FIELDS, f"{HERE}:Word", {}), named(Code.ENUM, f"{HERE}:Item", "a")):
        with pytest.raises(Undecodable):
            codec.unpack(wrong)


def test_a_class_that_is_gone_is_named_in_the_reason() -> None:
    with pytest.raises(Undecodable, match=r"no class 'shop.cart:Cart'"):
        codec.unpack(named(Code.FIELDS, "shop.cart:Cart"))


def test_reading_needs_no_library_that_the_application_did_not_import() -> None:
    code = (
        "import sys; from sojourn.core import codec\n"
        "from sojourn.core.codec import Undecodable\n"
        f"data = bytes.fromhex({codec.pack(samples.Open(), '').hex()!r})\n"
        "try: codec.unpack(data)\n"
        "except Undecodable: print('pydantic' in sys.modules, 'tests' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, check=True
    )
    assert done.stdout == b"False False\n"


def test_a_flag_that_is_unknown_to_the_class_is_undecodable() -> None:
    assert issubclass(samples.Right, enum.Flag)
    with pytest.raises(Undecodable):
        codec.unpack(named(Code.ENUM, f"{HERE}:Right", 64))

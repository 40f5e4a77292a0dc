"""Mapping: a session as a mapping of attribute names to values."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Self, TypeVar

from sojourn.core import codec
from sojourn.core.attributes.contents import Contents
from sojourn.errors import NotStorable

__all__ = ["AttributeMapping"]

T = TypeVar("T")


class AttributeMapping(MutableMapping[str, Any]):
    """The attributes of a session, wherever its contents come from."""

    @abstractmethod
    def _use(self) -> Contents:
        """The contents, now that they are looked at. Raises `SessionError` where that cannot be."""

    @abstractmethod
    def _begin(self) -> None:
        """Something is about to be set. Raises `ResponseStarted` where that would need a session that is not there."""

    def __getitem__(self, name: str) -> Any:
        return self._use().get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        contents = self._use()
        _check_name(name)
        self._begin()
        contents.set(name, value)

    def __delitem__(self, name: str) -> None:
        self._use().delete(name)

    def __contains__(self, name: object) -> bool:
        try:
            self[name]  # type: ignore[index]  # what cannot be read is absent, so it has to be tried
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._use().names())

    def __len__(self) -> int:
        return len(self._use().names())

    def __ior__(self, other: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Self:
        self.update(other)
        return self

    def popitem(self) -> tuple[str, Any]:
        """Take out the attribute that came last, as of a `dict`. Raises KeyError."""
        names = self._use().names()
        if not names:
            raise KeyError("the session is empty")
        return names[-1], self.pop(names[-1])

    def clear(self) -> None:
        """Take all attributes out that can be read."""
        contents = self._use()
        for name in contents.names():  # one look at each; the mixin looks at all before it takes out each
            contents.delete(name)

    def view(self, kind: type[T], *, at: str | None = None) -> T:
        """The attribute named `at` (else the name of the class) as an object of the dataclass or Struct `kind`.

        Where nothing is stored, an object of defaults; looking at it stores nothing. What is changed in it is kept,
        field by field: fields that the class does not know stay as they are. The same object for the same name.
        Raises `ViewMismatch` when the stored data does not fit.
        """
        if at is not None:
            _check_name(at)
        return self._use().view(kind.__name__ if at is None else at, kind)  # type: ignore[no-any-return]


def _check_name(name: object) -> None:
    """Raise `NotStorable` for what cannot name an attribute."""
    if type(name) is not str:
        raise NotStorable(f"session[{name!r}]", "the name of an attribute is a str")
    if not name.isascii():
        codec.pack(name, f"session[{name!r}]")  # refuses text that no store could keep

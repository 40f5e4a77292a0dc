"""Pages: what an HTML page holds that a visitor fills in or reads, as far as signing in and tokens need it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser

import msgspec

from sojourn.outbound.messages import Response

__all__ = ["LONGEST", "Control", "LoginForm", "Page", "is_html"]

LONGEST = 1 << 18  # bytes that are read of a page

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_WESTERN = {"iso-8859-1", "latin1", "us-ascii", "windows-1252"}  # one encoding (WHATWG Encoding §4.2)
_BUTTONS = {"button", "file", "image", "reset", "submit"}
_BOXES = {"checkbox", "radio"}

Attributes = dict[str, str]


class Control(msgspec.Struct, frozen=True):
    """A field of a form, with the value that it has by itself; `sent`: whether that is sent."""

    name: str
    kind: str
    value: str
    sent: bool


class LoginForm(msgspec.Struct):
    """A form, as it stands on the page. One that holds no password is none of ours, but is read all the same."""

    action: str
    method: str
    controls: list[Control] = msgspec.field(default_factory=list[Control])

    def passwords(self) -> set[str]:
        """The names of the fields that ask for a password."""
        return {each.name for each in self.controls if each.kind == "password"}


class Page:
    """What was read of a page; broken HTML is read as far as it goes."""

    __slots__ = ("base", "encoding", "forms", "metas")

    def __init__(self, response: Response) -> None:
        """`response`: with its body. Nothing is found in one that holds no HTML."""
        self.encoding = _encoding(response)
        reader = _Reader()
        if is_html(response) and response.body:
            with suppress(AssertionError):  # what html.parser raises at declarations that it does not know
                # Never `close`: it goes through the rest once for each `<` of it.
                reader.feed(response.body[:LONGEST].decode(self.encoding, "replace"))
        self.base = reader.base
        self.forms = reader.forms
        self.metas = reader.metas

    def login_forms(self) -> Iterator[LoginForm]:
        """Those that ask for a password."""
        return (form for form in self.forms if form.passwords())


def is_html(response: Response) -> bool:
    """Whether its body is a page."""
    kind = response.first("content-type").partition(";")[0].strip().lower()
    return kind in ("text/html", "application/xhtml+xml")


def _encoding(response: Response) -> str:
    """UTF-8 but for the one other that old servers still send; the form is sent in the encoding of its page."""
    named = _CHARSET.search(response.first("content-type"))
    return "cp1252" if named is not None and named[1].lower() in _WESTERN else "utf-8"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.forms: list[LoginForm] = []
        self.metas: dict[str, str] = {}
        self._open: LoginForm | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("base", "form", "input", "meta"):
            return
        attributes: Attributes = {}
        for name, value in attrs:
            attributes.setdefault(name, value or "")  # the first of one name counts (WHATWG HTML §13.2.5.33)
        if tag == "form" and self._open is None:  # one in another is ignored (§13.2.6.4.7)
            self._open = LoginForm(attributes.get("action", ""), attributes.get("method", "").strip().lower())
            self.forms.append(self._open)
        elif tag == "input" and self._open is not None and "disabled" not in attributes:
            self._open.controls.append(_control(attributes))
        elif tag == "meta":
            self.metas.setdefault(attributes.get("name", "").strip().lower(), attributes.get("content", ""))
        elif tag == "base" and not self.base:
            self.base = attributes.get("href", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def _control(attributes: Attributes) -> Control:
    name, kind = attributes.get("name", ""), attributes.get("type", "").strip().lower() or "text"
    if kind in _BOXES:
        return Control(name, kind, attributes.get("value", "on"), bool(name) and "checked" in attributes)
    return Control(name, kind, attributes.get("value", ""), bool(name) and kind not in _BUTTONS)

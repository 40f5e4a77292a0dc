"""Pages: what an HTML page holds that a visitor fills in or reads, as far as signing in and tokens need it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser

import msgspec

from sojourn.outbound.messages import Response

__all__ = ["LONGEST", "Control", "LoginForm", "Page", "is_html", "known_encoding"]

LONGEST = 1 << 18  # bytes that are read of a page

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_ENCODINGS = {
    **dict.fromkeys(("utf-8", "utf8"), "utf-8"),
    # One encoding (WHATWG Encoding §4.2).
    **dict.fromkeys(("ascii", "cp1252", "iso-8859-1", "iso8859-1", "latin1", "us-ascii", "windows-1252"), "cp1252"),
}
_TAGS = {"base", "button", "form", "input", "meta", "option", "select"}
_BUTTONS = {"button", "file", "image", "reset"}
_SUBMITS = {"image", "submit"}
_BOXES = {"checkbox", "radio"}

Attributes = dict[str, str]


class Control(msgspec.Struct, frozen=True):
    """A field or button of a form, with the value that it has by itself; `sent`: whether that is sent."""

    name: str
    kind: str
    value: str
    sent: bool


class LoginForm(msgspec.Struct):
    """A form, as it stands on the page. One that holds no password is none of ours, but is read all the same."""

    action: str
    method: str
    charset: str = ""
    """The encodings that it is to be sent in, of which one will do; empty: that of its page."""
    controls: list[Control] = msgspec.field(default_factory=list[Control])

    def passwords(self) -> set[str]:
        """The names of the fields that ask for a password."""
        return {each.name for each in self.controls if each.kind == "password"}


class Page:
    """What was read of a page; broken HTML is read as far as it goes."""

    __slots__ = ("base", "encoding", "forms", "metas")

    def __init__(self, response: Response) -> None:
        """`response`: with its body. Nothing is found in one that holds no HTML."""
        said = _CHARSET.search(response.first("content-type"))
        self.encoding = (known_encoding(said[1]) if said is not None else "") or "utf-8"
        reader = _read(response, self.encoding)
        if said is None and (own := known_encoding(reader.charset)) not in ("", self.encoding):
            self.encoding = own
            reader = _read(response, own)
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


def known_encoding(labels: str) -> str:
    """The first of these that is known, as Python calls it; empty where none is.

    UTF-8, and the one other that old servers still send.
    """
    return next((_ENCODINGS[label] for label in labels.lower().split() if label in _ENCODINGS), "")


def _read(response: Response, encoding: str) -> _Reader:
    reader = _Reader()
    if is_html(response) and response.body:
        with suppress(AssertionError):  # what html.parser raises at declarations that it does not know
            # Never `close`: it goes through the rest once for each `<` of it.
            reader.feed(response.body[:LONGEST].decode(encoding, "replace"))
    return reader


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.charset = ""
        self.forms: list[LoginForm] = []
        self.metas: dict[str, str] = {}
        self._open: LoginForm | None = None
        self._pressed = False  # whether the form has had its first button
        self._choosing = False  # whether the last field is a choice, whose options come
        self._chosen = False
        self._labelled = False  # whether the text that comes is the value of what is chosen

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            return
        attributes: Attributes = {}
        for name, value in attrs:
            attributes.setdefault(name, value or "")  # the first of one name counts (WHATWG HTML §13.2.5.33)
        if tag == "meta":
            self._note(attributes)
        elif tag == "base":
            self.base = self.base or attributes.get("href", "")
        elif tag == "form":
            self._begin(attributes)
        elif tag == "option":
            self._choose(attributes)
        elif self._open is not None:
            self._add(self._open, tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        if tag in ("form", "select"):
            self._choosing = False
        if tag in ("form", "option", "select"):
            self._labelled = False

    def handle_data(self, data: str) -> None:
        if self._labelled:
            self._set(" ".join(data.split()))
            self._labelled = False

    def _note(self, attributes: Attributes) -> None:
        content = attributes.get("content", "")
        self.metas.setdefault(attributes.get("name", "").strip().lower(), content)
        if attributes.get("http-equiv", "").strip().lower() == "content-type" and (said := _CHARSET.search(content)):
            self.charset = self.charset or said[1]
        self.charset = self.charset or attributes.get("charset", "")

    def _begin(self, attributes: Attributes) -> None:
        if self._open is None:  # one in another is ignored (WHATWG HTML §13.2.6.4.7)
            action, method = attributes.get("action", ""), attributes.get("method", "").strip().lower()
            self._open = LoginForm(action, method, attributes.get("accept-charset", ""))
            self.forms.append(self._open)
            self._pressed = False

    def _add(self, form: LoginForm, tag: str, attributes: Attributes) -> None:
        control = _control(tag, attributes)
        self._choosing = self._labelled = False
        if control.kind in _SUBMITS:
            # The enter key presses the first of them, or nothing where that is disabled (§4.10.21.2).
            control = msgspec.structs.replace(control, sent=control.sent and not self._pressed)
            self._pressed = True
        if "disabled" not in attributes:
            form.controls.append(control)
            self._choosing, self._chosen = tag == "select", "multiple" in attributes

    def _choose(self, attributes: Attributes) -> None:
        """An option: it is chosen if the page says so, or is the first of those that can be (§4.10.7)."""
        chosen = self._choosing and "disabled" not in attributes and ("selected" in attributes or not self._chosen)
        self._labelled = chosen and "value" not in attributes
        if chosen:
            self._chosen = True
            self._set(attributes.get("value", ""))

    def _set(self, value: str) -> None:
        if self._open is not None:
            control = self._open.controls[-1]
            self._open.controls[-1] = msgspec.structs.replace(control, value=value, sent=bool(control.name))


def _control(tag: str, attributes: Attributes) -> Control:
    """As it is where nobody has touched it."""
    name, kind = attributes.get("name", ""), attributes.get("type", "").strip().lower()
    if tag == "select":
        return Control(name, tag, "", sent=False)
    kind = kind or ("text" if tag == "input" else "submit")
    if kind in _BOXES:
        return Control(name, kind, attributes.get("value", "on"), bool(name) and "checked" in attributes)
    return Control(name, kind, attributes.get("value", ""), bool(name) and kind not in _BUTTONS)

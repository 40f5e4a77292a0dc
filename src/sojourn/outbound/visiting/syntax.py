"""What may be sent in a header, and what a user may be called."""

from __future__ import annotations

import re

__all__ = ["is_identity", "is_name", "is_text", "is_token", "is_value"]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_VALUE = re.compile(r"[\x21-\x7E](?:[\t\x20-\x7E]*[\x21-\x7E])?")  # RFC 9110 §5.5, without obs-text
_TOKEN = re.compile(r"[\x21-\x7E]+")
_LONGEST = 16_384  # characters; servers refuse longer headers
_LONGEST_IDENTITY = 256


def is_name(text: object) -> bool:
    """Whether it can name a header, or a cookie."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def is_value(text: object) -> bool:
    """Whether it can be the value of a header: visible ASCII, blanks inside, no line break."""
    return isinstance(text, str) and len(text) <= _LONGEST and _VALUE.fullmatch(text) is not None


def is_token(text: object) -> bool:
    """Whether it can be sent as a token: visible ASCII without blanks."""
    return isinstance(text, str) and len(text) <= _LONGEST and _TOKEN.fullmatch(text) is not None


def is_text(text: object) -> bool:
    """Whether it is text that UTF-8 can hold."""
    return isinstance(text, str) and not any("\ud800" <= each <= "\udfff" for each in text)


def is_identity(text: object) -> bool:
    """Whether logs can show it as a name: one short line that can be read."""
    return isinstance(text, str) and 0 < len(text) <= _LONGEST_IDENTITY and text.isprintable()

"""Properties are read as Java reads them: `java.util.Properties.load(InputStream)`, as documented."""

from __future__ import annotations

import pytest
from tests.settings.written import refusal

from sojourn.settings.properties import read_properties


def pairs(data: bytes) -> list[tuple[str, str]]:
    return [(each.name, each.value) for each in read_properties(data, "x")]


READ = {
    "an equals sign": (b"a=b", [("a", "b")]),
    "a colon": (b"a:b", [("a", "b")]),
    "a blank": (b"a b c", [("a", "b c")]),
    "a tab": (b"a\tb", [("a", "b")]),
    "a form feed": (b"\fa\fb", [("a", "b")]),
    "blanks around": (b" \ta \t = \tb", [("a", "b")]),
    "blanks behind are part of the value": (b"a=b \t", [("a", "b \t")]),
    "only the first separates": (b"a = = b : c", [("a", "= b : c")]),
    "a blank, then a colon": (b"a :b", [("a", "b")]),
    "no value": (b"a=\nb\nc:", [("a", ""), ("b", ""), ("c", "")]),
    "no name": (b"=a\n:b", [("", "a"), ("", "b")]),
    "blank lines": (b"\n \t\n\r\n\ra=b\n\n", [("a", "b")]),
    "all ends of lines": (b"a=1\nb=2\r\nc=3\rd=4", [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]),
    "comments": (b"# a=1\n  ! b=2\nc=3 # 4\n#\\\nd=5", [("c", "3 # 4"), ("d", "5")]),
    "a separator in a name": (b"a\\=b\\:c\\ d=e", [("a=b:c d", "e")]),
    "no comment, escaped": (b"\\#a=1\n\\!b=2", [("#a", "1"), ("!b", "2")]),
    "a line that goes on": (b"a=b\\\n  c\\\r\n\td", [("a", "bcd")]),
    "a name that goes on": (b"a\\\n  b=c", [("ab", "c")]),
    "what goes on is no comment": (b"a=b\\\n  #c", [("a", "b#c")]),
    "it goes on with nothing": (b"a=b\\\n\nc=d", [("a", "b"), ("c", "d")]),
    "it goes on at the end": (b"a=b\\", [("a", "b")]),
    "it goes on before it has begun": (b"\\\n# b=c\n\\\n\n\\\nd=e", [("d", "e")]),
    "two backslashes end it": (b"a=b\\\\\nc=d", [("a", "b\\"), ("c", "d")]),
    "three do not": (b"a=b\\\\\\\nc=d", [("a", "b\\c=d")]),
    "letters": (b"a=\\t\\n\\r\\f", [("a", "\t\n\r\f")]),
    "letters that mean nothing": (b"a=\\b\\q\\\"\\'", [("a", "bq\"'")]),
    "a code": (b"\\u0061=\\u00e9\\u20AC", [("a", "\u00e9\u20ac")]),
    "a code in two halves": (b"a=\\ud83d\\ude00", [("a", "\U0001f600")]),
    "an escaped backslash before u": (b"a=\\\\u0041", [("a", "\\u0041")]),
    "Latin-1": ("a=\u00e9".encode("latin-1"), [("a", "\u00e9")]),
    "twice": (b"a=1\na=2", [("a", "1"), ("a", "2")]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("data", "expected"), READ.values(), ids=READ)
def test_a_file_is_read_as_java_reads_it(data: bytes, expected: list[tuple[str, str]]) -> None:
    assert pairs(data) == expected


def test_a_property_has_the_line_where_it_begins() -> None:
    found = read_properties(b"# one\na=b\\\n  c\n\n\r\nd=e\r\\\nf=g", "local.properties")
    assert [each.origin for each in found] == [f"local.properties:{line}" for line in (2, 6, 8)]


REFUSED = {
    "too short a code": (b"a=1\nb=\\u12", 2, "\\u asks for four hexadecimal digits"),
    "no code": (b"a=\\u00g0", 1, "\\u asks for four"),
    "half a character": (b"a=\\ud83d", 1, "half of a character"),
    "a byte order mark": (b"\xef\xbb\xbfa=b", 1, "a byte order mark"),
    "UTF-16": ("a=b".encode("utf-16"), 1, "a byte order mark"),
}


@pytest.mark.parametrize(("data", "line", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_java_refuses_is_refused_with_its_line(data: bytes, line: int, problem: str) -> None:
    told = refusal(lambda: read_properties(data, "x"))
    assert told.startswith(f"x:{line}: ")
    assert problem in told

"""What a Cookie header says: byte by byte, and never more than a browser meant."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn.core.cookies import values, versioned

HOST = b"__Host-id"

FORGED = {
    "no name": b"=__Host-id=x",
    "no name, spaced": b" = __Host-id=x",
    "no-break space before": b"\xa0__Host-id=x",
    "U+2000 before, in UTF-8": "\u2000__Host-id=x".encode(),
    "U+2000 after, in UTF-8": "__Host-id\u2000=x".encode(),
    "U+3000 before, in UTF-8": "\u3000__Host-id=x".encode(),
    "byte order mark before": "\ufeff__Host-id=x".encode(),
    "next line before": b"\x85__Host-id=x",
    "NUL before": b"\0__Host-id=x",
    "NUL after": b"__Host-id\0=x",
    "vertical tab before": b"\x0b__Host-id=x",
    "form feed before": b"\x0c__Host-id=x",
    "line feed before": b"\n__Host-id=x",
    "carriage return before": b"\r__Host-id=x",
    "carriage return after": b"__Host-id\r=x",
    "unit separator before": b"\x1f__Host-id=x",
    "percent encoded": b"%5F_Host-id=x",
    "percent encoded equals": b"__Host-id%3Dx",
    "another case": b"__HOST-id=x; __host-id=y; __Host-ID=z",
    "quoted name": b'"__Host-id"=x',
    "in a quoted value with a comma": b'a="b, __Host-id=x"',
    "after a comma": b"a=1, __Host-id=x",
    "after a comma without space": b"a=1,__Host-id=x",
    "after a space": b"a=1 __Host-id=x",
    "after an ampersand": b"a=1&__Host-id=x",
    "in a value": b"a=__Host-id=x",
    "longer at its end": b"__Host-idx=x",
    "longer at its start": b"x__Host-id=x",
    "the version cookie": b"__Host-id-v=1",
    "no value": b"__Host-id",
    "no value among others": b"a=1; __Host-id; b=2",
    "escaped": b"__Host\\-id=x",
    "a space inside": b"__Host- id=x",
    "an array": b"__Host-id[0]=x",
    "$-prefixed": b"$__Host-id=x",
    "nothing": b"",
    "semicolons": b";;; ;\t;",
}


@pytest.mark.parametrize("header", FORGED.values(), ids=FORGED.keys())
def test_what_only_resembles_the_name_has_no_value(header: bytes) -> None:
    assert values([header], HOST) == []
    assert values([header + b"; __Host-id=real"], HOST) == [b"real"]
    assert values([b"__Host-id=real; " + header], HOST) == [b"real"]


READ = {
    "alone": (b"__Host-id=x", [b"x"]),
    "among others": (b"a=1; __Host-id=x; b=2", [b"x"]),
    "without a space": (b"a=1;__Host-id=x;b=2", [b"x"]),
    "spaces and tabs around": (b" \t __Host-id \t= \t x \t ;", [b"x"]),
    "empty": (b"__Host-id=", [b""]),
    "spaces alone": (b"__Host-id=  ; a=1", [b""]),
    "quotes stay": (b'__Host-id="x"', [b'"x"']),
    "backslashes stay": (b"__Host-id=\\170", [b"\\170"]),
    "percents stay": (b"__Host-id=%78", [b"%78"]),
    "equals signs stay": (b"__Host-id=x=y==", [b"x=y=="]),
    "commas stay": (b"__Host-id=x,y", [b"x,y"]),
    "a space inside stays": (b"__Host-id=x y", [b"x y"]),
    "any byte stays": (b"__Host-id=\xff\0\r\n\xa0", [b"\xff\0\r\n\xa0"]),
    "bytes that only Unicode trims": (b"__Host-id=\xa0x\x0b", [b"\xa0x\x0b"]),
    "beside broken ones (R10)": (b"foo[bar]=1; b\x01ad=2; \xff; __Host-id=ok", [b"ok"]),
    "beside an unclosed quote": (b'a="b; __Host-id=real; c="', [b"real"]),
    "$Version means nothing (RFC 6265)": (b'$Version=1; a="x; __Host-id=evil"', [b'evil"']),
    "two": (b"__Host-id=first; __Host-id=second", [b"first", b"second"]),
    "two, the other way round": (b"__Host-id=second; __Host-id=first", [b"second", b"first"]),
    "the same twice": (b"__Host-id=x; a=1; __Host-id=x", [b"x"]),
    "three, one twice": (b"__Host-id=x; __Host-id=y; __Host-id=x", [b"x", b"y"]),
}


@pytest.mark.parametrize(("header", "expected"), READ.values(), ids=READ.keys())
def test_a_value_is_what_stands_between_equals_sign_and_semicolon(header: bytes, expected: list[bytes]) -> None:
    assert values([header], HOST) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], []),
        ([b"a=1", b"__Host-id=x", b"b=2"], [b"x"]),
        ([b"__Host-id=x", b"__Host-id=y"], [b"x", b"y"]),
        ([b"__Host-id=x", b"__Host-id=x"], [b"x"]),
        ([b"__Host-", b"id=x"], []),
        ([b"__Host-id", b"=x"], []),
        ([b'a="', b"__Host-id=x", b'"'], [b"x"]),
        ([b"__Host-id=x; a=1", b"__Host-id=y; __Host-id=x"], [b"x", b"y"]),
    ],
)
def test_all_headers_are_read_and_each_for_itself(headers: list[bytes], expected: list[bytes]) -> None:
    assert values(headers, HOST) == expected


@pytest.mark.parametrize("name", [b"id", b"a.b", b"a+b", b"a*", b"^a$", b"a|b", b"JSESSIONID", b"a-v"])
def test_the_name_is_no_pattern(name: bytes) -> None:
    assert values([b"a=no; aXb=no; aab=no; b=no; " + name + b"=yes"], name) == [b"yes"]


def oracle(headers: list[bytes], name: bytes) -> list[bytes]:
    """RFC 6265bis §5.7 read backwards, one byte at a time."""
    found: list[bytes] = []
    for header in headers:
        parts: list[list[int]] = [[]]
        for byte in header:
            if byte == 0x3B:
                parts.append([])
            else:
                parts[-1].append(byte)
        for part in parts:
            if 0x3D not in part:
                continue
            at = part.index(0x3D)
            key, value = trimmed(part[:at]), trimmed(part[at + 1 :])
            if key == name and value not in found:
                found.append(value)
    return found


def trimmed(part: list[int]) -> bytes:
    while part and part[0] in (0x20, 0x09):
        part = part[1:]
    while part and part[-1] in (0x20, 0x09):
        part = part[:-1]
    return bytes(part)


pieces = st.sampled_from(
    [
        b"id",
        b"__Host-id",
        b"=",
        b"=",
        b";",
        b"; ",
        b" ",
        b"\t",
        b"x",
        b"y",
        b'"',
        b",",
        b"\\",
        b"\xa0",
        b"\0",
        b"\r\n",
        b"%",
        b"$Version=1",
    ]
)
headers_of_pieces = st.lists(st.lists(pieces, max_size=14).map(b"".join), max_size=3)


@settings(max_examples=600)
@given(headers_of_pieces, st.sampled_from([b"id", b"__Host-id"]))
def test_it_reads_as_the_specification_spells_it(headers: list[bytes], name: bytes) -> None:
    assert values(headers, name) == oracle(headers, name)


@given(st.lists(st.binary(max_size=60), max_size=3), st.binary(max_size=5))
def test_any_bytes_are_read(headers: list[bytes], value: bytes) -> None:
    assert values(headers, b"id") == oracle(headers, b"id")
    planted = [*headers, b"id=" + value]
    assert values(planted, b"id") == oracle(planted, b"id")


@given(st.lists(st.tuples(st.sampled_from([b"id", b"a", b"b"]), st.sampled_from([b"x", b"y", b""])), max_size=6))
def test_split_or_joined_headers_say_the_same(pairs: list[tuple[bytes, bytes]]) -> None:
    each = [name + b"=" + value for name, value in pairs]
    assert values(each, b"id") == values([b"; ".join(each)], b"id")


LONG = {
    "spaces before": lambda size: b";" + b" " * size + b"x",
    "spaces after the name": lambda size: b"id" + b" " * size + b"x",
    "spaces in the value": lambda size: b"id=" + b" " * size + b"x" + b" " * size,
    "names": lambda size: b"id " * size,
    "empty pairs": lambda size: b"; " * size,
    "equals signs": lambda size: b"=" * size + b"id",
    "the name again and again": lambda size: b";id" * size,
    "the same cookie": lambda size: b"id=x;" * size,
    "other cookies": lambda size: b"".join(b"id=%d;" % number for number in range(size)),
    "backslashes in quotes": lambda size: b'id="' + b"\\" * size,
    "spaces between": lambda size: (b";" + b" " * 20) * size,
}


def fastest(header: bytes) -> float:
    def once() -> float:
        began = time.process_time()
        values([header], b"id")
        return time.process_time() - began

    return min(once() for _ in range(3))


@pytest.mark.parametrize("make", LONG.values(), ids=LONG.keys())
def test_a_long_header_takes_time_by_its_length_and_not_the_square(make: object) -> None:
    assert callable(make)
    small, large = make(2_000), make(128_000)
    assert fastest(large) < 500 * fastest(small) + 0.02  # 64 if linear, 4,096 if quadratic


def test_a_megabyte_is_read() -> None:
    noise = b"a=b; " * 200_000
    assert values([noise + b"id=x", noise], b"id") == [b"x"]


@given(st.lists(st.binary(max_size=80).map(lambda noise: b"id" + noise), max_size=3))
def test_the_id_and_its_version_are_found_in_one_look_as_in_two(headers: list[bytes]) -> None:
    assert versioned(headers, b"id") == (values(headers, b"id"), values(headers, b"id-v"))


@given(st.lists(st.text("id-v=; \ta1", max_size=40).map(str.encode), max_size=3))
def test_also_in_headers_that_are_made_of_its_parts(headers: list[bytes]) -> None:
    assert versioned(headers, b"id") == (values(headers, b"id"), values(headers, b"id-v"))

"""What is read of a page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.outbound.feeding import PAGE, SITE, Answer, page

from sojourn.outbound.visiting.pages import LONGEST, Control, Page

PASSWORD = "<input type=password name=p>"


def read(html: str) -> Page:
    return Page(page(html).to(SITE))


def controls(html: str) -> list[Control]:
    (form,) = read(f"<form>{html}</form>").forms
    return form.controls


@pytest.mark.parametrize(
    ("html", "sent"),
    [
        ("<input name=a>", ("a", "text", "", True)),
        ("<INPUT NAME=a VALUE='b &amp; c' />", ("a", "text", "b & c", True)),
        ("<input type=HIDDEN name=a value=b value=c>", ("a", "hidden", "b", True)),
        ("<input value=b>", ("", "text", "b", False)),
        ("<input type=submit name=a value=b>", ("a", "submit", "b", True)),
        ("<button name=a value=b>c</button>", ("a", "submit", "b", True)),
        ("<button type=button name=a value=b>", ("a", "button", "b", False)),
        ("<input type=image name=a>", ("a", "image", "", False)),
        ("<select name=a><option value=b>B<option value=c>C</select>", ("a", "select", "b", True)),
        ("<select name=a><option>b<option selected> c &amp;  d <option>e</select>", ("a", "select", "c & d", True)),
        ("<select name=a><option disabled value=b>B<option value=c>C</select>", ("a", "select", "c", True)),
        ("<select name=a multiple><option value=b>B</select>", ("a", "select", "", False)),
        ("<select name=a></select>", ("a", "select", "", False)),
        ("<select><option value=b></select>", ("", "select", "b", False)),
        ("<input type=checkbox name=a>", ("a", "checkbox", "on", False)),
        ("<input type=checkbox name=a value=b checked>", ("a", "checkbox", "b", True)),
        ("<input type=file name=a>", ("a", "file", "", False)),
    ],
)
def test_a_field_has_the_value_that_a_browser_sends(html: str, sent: tuple[str, str, str, bool]) -> None:
    assert controls(html) == [Control(*sent)]


def test_a_field_that_is_disabled_is_none() -> None:
    assert controls("<input name=a disabled>") == []


def test_of_several_buttons_the_first_one_is_pressed_and_none_if_it_cannot_be() -> None:
    two = "<input type=submit name=b value=2><button name=c>3</button>"
    assert [each.sent for each in controls(f"<button name=a>1</button>{two}")] == [True, False, False]
    assert [each.sent for each in controls(f"<button name=a disabled>1</button>{two}")] == [False, False]
    assert [each.sent for each in controls(f"<button type=reset name=a>1</button>{two}")] == [False, True, False]


def test_options_belong_to_the_form_that_they_are_in() -> None:
    html = f"<form>{PASSWORD}<select name=a></form><form><option selected value=b>{PASSWORD}</form><option value=c>"
    assert [[each.name for each in form.controls] for form in read(html).forms] == [["p", "a"], ["p"]]


def test_a_form_in_a_form_is_none_and_a_field_outside_is_in_none() -> None:
    found = read(
        f"<input name=z><form action=/a>{PASSWORD}<form action=/b><input name=c></form><input name=d></form>"
    ).forms
    assert [(form.action, [each.name for each in form.controls]) for form in found] == [("/a", ["p", "c"])]


def test_what_stands_in_scripts_and_comments_is_not_there() -> None:
    text = f"<form>{PASSWORD}</form>"
    assert not read(f"<!--{text}--><script>{text}</script><style>{text}</style>").forms


def test_the_first_base_and_the_first_tag_of_a_name_count() -> None:
    found = read("<base href=/a><base href=/b><meta name=T content=1><meta name=t content=2>")
    assert (found.base, found.metas["t"]) == ("/a", "1")


def test_a_page_is_read_up_to_its_limit() -> None:
    assert read("x" * (LONGEST - 200) + f"<form>{PASSWORD}</form>").forms
    assert not read("x" * LONGEST + f"<form>{PASSWORD}</form>").forms


@given(
    st.lists(st.sampled_from([*"<>!-/=\"'&#;[]? x", "form", "input", "type=password", "meta", "script", "CDATA", "&#"]))
)
def test_whatever_comes_is_read(parts: list[str]) -> None:
    for form in read("".join(parts)).forms:
        assert isinstance(form.passwords(), set)


@given(st.binary())
def test_whatever_bytes_come_are_read(body: bytes) -> None:
    for kind in (PAGE, ("Content-Type", "text/html; charset=windows-1252"), ("Content-Type", "text/html;charset=idna")):
        Page(Answer(200, (kind,), body).to(SITE))

"""The cases that others have published, against the jar alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from tests.outbound.jar.cases import DATA, Case, cases, http_state, web_platform

from sojourn.outbound.jar import Jar
from sojourn.outbound.jar.dates import parsed
from sojourn.outbound.jar.hosts import canonical, domains
from sojourn.outbound.jar.suffixes import is_public

WRITTEN = json.loads((DATA / "dates.json").read_text())
DATES = WRITTEN["examples"] + WRITTEN["bsd_examples"]
REGISTERED = [
    line.split() for line in (DATA / "psl.txt").read_text().splitlines() if line and not line.startswith("//")
]


def sent(case: Case, jar: Jar) -> bytes | None:
    jar.receive(case.set_url, case.set_cookies, now=case.now)
    header = jar.header(case.get_url, now=case.now)
    return None if header is None else header.encode("latin-1")


def test_all_of_them_are_here() -> None:
    assert len(http_state()) == 218
    assert len(web_platform()) == 413
    assert len(DATES) == 70
    assert len(REGISTERED) == 78


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_what_is_sent_is_what_the_case_expects(case: Case) -> None:
    assert sent(case, Jar(standard=case.standard)) == case.expected


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_so_it_is_when_the_jar_was_in_a_store_in_between(case: Case) -> None:
    jar = Jar(standard=case.standard)
    jar.receive(case.set_url, case.set_cookies, now=case.now)
    header = Jar.unpack(jar.pack(), standard=case.standard).header(case.get_url, now=case.now)
    assert (header or "").encode("latin-1") == (case.expected or b"")


def test_http_state_and_the_draft_differ_in_cookies_without_a_name_and_in_one_empty_domain() -> None:
    others = [case for case in http_state() if sent(case, Jar()) != case.expected]
    nameless = [
        case for case in others if any(b"=" not in pair or pair.strip().startswith(b"=") for pair in pairs(case))
    ]
    assert [case.id for case in others if case not in nameless] == ["http-state OPTIONAL_DOMAIN0042"]
    assert len(nameless) == 23


def pairs(case: Case) -> list[bytes]:
    return [value.partition(b";")[0] for value in case.set_cookies]


@pytest.mark.parametrize("example", DATES, ids=lambda example: example["test"])
def test_a_date_is_read_as_browsers_read_it(example: dict[str, str | None]) -> None:
    text, expected = example["test"], example["expected"]
    assert text is not None
    instant = parsed(text)
    if expected is None:
        assert instant is None
    else:
        assert instant is not None
        assert datetime.fromtimestamp(instant, UTC) == parsedate_to_datetime(expected)


@pytest.mark.parametrize(("name", "expected"), REGISTERED)
def test_a_domain_is_registered_below_a_public_suffix(name: str, expected: str) -> None:
    host = canonical(name)
    above = [] if host is None else [domain for domain in domains(host) if not is_public(domain)]
    assert (above[-1] if above else None) == (None if expected == "null" else canonical(expected))

"""Domains below which anybody may register, and who says which these are."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from sojourn.errors import SettingError
from sojourn.outbound.jar import Domains, Jar
from sojourn.outbound.jar import suffixes as listed

NOW = 1_767_225_600.0


def kept(jar: Jar, host: str, domain: str) -> str:
    """Where a cookie goes: `host`, `domain`, or nowhere."""
    jar.receive(f"http://{host}/", [f"A=a; Domain={domain}"], now=NOW)
    facts = list(jar)
    jar.clear()
    return ("host" if facts[0].host_only else "domain") if facts else ""


@pytest.mark.parametrize(
    ("host", "domain", "where"),
    [
        ("www.bbc.co.uk", "bbc.co.uk", "domain"),
        ("www.bbc.co.uk", "co.uk", ""),
        ("www.bbc.co.uk", "uk", ""),
        ("co.uk", "co.uk", "host"),
        ("foo.github.io", "github.io", ""),
        ("github.io", "github.io", "host"),
        ("www.city.kobe.jp", "city.kobe.jp", "domain"),
        ("www.other.kobe.jp", "other.kobe.jp", ""),
        ("app.intranet", "intranet", ""),
        ("app.intranet.corp", "intranet.corp", "domain"),
        ("intranet", "intranet", "host"),
        ("www.食狮.公司.cn", "xn--55qx5d.cn", ""),
        ("www.食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn", "domain"),
        ("www.example.com.", "com.", ""),
        ("192.168.0.10", "192.168.0.10", "domain"),
    ],
)
def test_no_cookie_is_for_all_of_a_public_suffix(host: str, domain: str, where: str) -> None:
    assert kept(Jar(), host, domain) == where


@pytest.mark.parametrize(
    ("host", "domain", "where"),
    [("www.host.test", "host.test", ""), ("host.test", "host.test", "host"), ("www.host.test", "", "host")],
)
def test_without_any_list_a_cookie_goes_back_to_its_host_alone(host: str, domain: str, where: str) -> None:
    assert kept(Jar(suffixes=None), host, domain) == where


def test_a_function_of_your_own_is_asked_in_the_form_in_which_hosts_are_compared() -> None:
    asked: list[str] = []

    def private(domain: str) -> bool:
        asked.append(domain)
        return domain == "apps.test"

    jar = Jar(suffixes=private)
    assert kept(jar, "One.Apps.TEST", ".Apps.Test") == ""
    assert kept(jar, "www.co.uk", "CO.uk") == "domain"
    assert asked == ["apps.test", "co.uk"]


def test_it_may_use_the_jar_that_asks() -> None:
    jar = Jar(suffixes=lambda _domain: len(jar) > 1_000)
    assert kept(jar, "www.host.test", "host.test") == "domain"


def test_what_has_become_a_suffix_since_it_was_stored_is_dropped() -> None:
    jar = Jar()
    jar.receive("https://www.host.test/", ["A=1; Domain=host.test", "B=1", "C=1; Domain=www.host.test"], now=NOW)
    jar = Jar.unpack(jar.pack(), suffixes=lambda domain: domain == "host.test")
    assert jar.header("https://www.host.test/", now=NOW) == "B=1; C=1"


def test_the_list_is_read_once_by_however_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    every = threading.Barrier(8)

    class Counted:
        def __init__(self) -> None:
            made.append(self)

        def is_public(self, _domain: str) -> bool:
            return False

    monkeypatch.setattr(listed, "PublicSuffixList", Counted)
    monkeypatch.setattr(listed, "_built", [])
    listed.is_public.cache_clear()

    def ask() -> None:
        every.wait()
        listed.is_public("host.test")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listed.is_public.cache_clear()
    assert len(made) == 1


def test_where_the_list_is_not_installed_a_jar_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    monkeypatch.delitem(sys.modules, "sojourn.outbound.jar.suffixes")
    with pytest.raises(SettingError, match=r"pip install 'sojourn\[outbound\]'"):
        Jar()
    assert kept(Jar(suffixes=None), "host.test", "") == "host"


def test_no_list_is_read_before_it_is_asked() -> None:
    program = "from sojourn.outbound.jar import Jar, suffixes; j = Jar(); j.receive('http://a.test/', ['a=b'], now=0.0)"
    program += "; j.header('http://a.test/', now=0.0); print(suffixes._built)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


# --- names on the other side of a connector ----------------------------------------------------------------------

CONNECTOR = Domains([("cloud", ".mycompany.corp")], hosts=[("www1.sales.cloud", "machine1.intranet.corp")])


@pytest.mark.parametrize(
    ("domain", "hosts"),
    [
        ("mycompany.corp", "www1.sales.cloud www2.sales.cloud"),
        (".MyCompany.corp", "www1.sales.cloud www2.sales.cloud"),
        ("machine1.intranet.corp", "www1.sales.cloud"),
        ("sales.cloud", "www1.sales.cloud www2.sales.cloud"),
        ("", "www1.sales.cloud"),
        ("intranet.corp", ""),
        ("sub.mycompany.corp", ""),
    ],
)
def test_a_domain_of_the_back_end_is_read_as_ours(domain: str, hosts: str) -> None:
    jar = Jar(domains=CONNECTOR)
    jar.receive("http://www1.sales.cloud/", [f"A=a; Domain={domain}"], now=NOW)
    asked = ("www1.sales.cloud", "www2.sales.cloud", "mycompany.corp", "machine1.intranet.corp")
    assert [host for host in asked if jar.header(f"http://{host}/", now=NOW)] == hosts.split()
    packed = Jar.unpack(jar.pack(), domains=CONNECTOR)
    assert len(packed) == len(jar)


def test_a_mapping_of_domains_goes_before_one_of_hosts() -> None:
    both = Domains([("one.test", "in.corp")], hosts=[("two.test", "in.corp")])
    assert both.virtual("in.corp") == "one.test"


def test_a_mapping_gives_nobody_the_domain_of_another() -> None:
    jar = Jar(domains=Domains([("sales.cloud", "intranet.corp")]))
    assert not jar.receive("http://evil.test/", ["A=a; Domain=intranet.corp", "B=b; Domain=sales.cloud"], now=NOW)


def test_only_what_is_named_is_not_held_against_the_list() -> None:
    assert kept(Jar(domains=CONNECTOR), "www1.sales.cloud", "cloud") == "domain"
    assert kept(Jar(domains=CONNECTOR), "www.host.test", "test") == ""


@pytest.mark.parametrize(
    ("domains", "hosts", "message"),
    [
        ([("a b", "in.corp")], [], "domains=….*'a b' is no domain"),
        ([("", "in.corp")], [], "'' is no domain"),
        ([], [("one.test", "..")], "hosts=….*'..' is no domain"),
        ([("one.test", "in.corp"), ("two.test", ".IN.corp")], [], "'in.corp' has two virtual names"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(
    domains: list[tuple[str, str]], hosts: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        Domains(domains, hosts=hosts)


def test_the_same_pair_may_be_there_twice() -> None:
    pair = ("one.test", "in.corp")
    assert repr(Domains([pair, pair], hosts=[pair])) == "Domains(1 pairs)"

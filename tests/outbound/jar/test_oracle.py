"""The jar beside another one that follows the text of RFC 6265bis step by step: no index, no cache, no regex."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn.outbound.jar import Jar

START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
NEVER = float("inf")
DATE = "%a, %d %b %Y %H:%M:%S GMT"
PUBLIC = {"test", "co.test"}


@dataclass
class Plain:
    """A cookie of §5.7; the list that it is in is in the order of creation."""

    name: str
    value: str
    expiry: float = NEVER
    domain: str = ""
    host_only: bool = True
    path: str = ""
    secure: bool = False
    http_only: bool = False
    same_site: str = "default"
    has_path: bool = field(default=False, compare=False)  # not stored


def domain_matches(host: str, domain: str) -> bool:  # §5.1.3
    return host == domain or (host.endswith("." + domain) and not host.replace(".", "").isdigit())


def path_matches(path: str, cookie_path: str) -> bool:  # §5.1.4
    if path == cookie_path:
        return True
    return path.startswith(cookie_path) and (cookie_path[-1] == "/" or path[len(cookie_path)] == "/")


def split(url: str) -> tuple[bool, str, str]:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return scheme == "https", host, "/" + path


def read(text: str, now: float) -> Plain | None:  # §5.6
    if any(ord(each) < 32 and each != "\t" for each in text):
        return None
    pair, *attributes = text.split(";")
    name, value = pair.split("=", 1) if "=" in pair else ("", pair)
    cookie = Plain(name.strip(" \t"), value.strip(" \t"))
    if len(cookie.name) + len(cookie.value) not in range(1, 4097):
        return None
    ages: list[float] = []
    dates: list[float] = []
    for attribute in attributes:
        key, _, value = (each.strip(" \t") for each in attribute.partition("="))
        match key.lower():
            case "max-age" if value.removeprefix("-").isdecimal():
                ages.append(now + int(value) if int(value) > 0 else -NEVER)
            case "expires" if value:
                dates.append(datetime.strptime(value, DATE).replace(tzinfo=UTC).timestamp())
            case other:
                apply(cookie, other, value)
    cookie.expiry = (ages or dates or [NEVER])[-1]
    return cookie


def apply(cookie: Plain, key: str, value: str) -> None:
    match key:
        case "domain":
            cookie.domain = (value[1:] if value[:1] == "." else value).lower()
        case "path":
            cookie.has_path, cookie.path = True, value if value[:1] == "/" else ""
        case "secure":
            cookie.secure = True
        case "httponly":
            cookie.http_only = True
        case "samesite":
            cookie.same_site = value.lower() if value.lower() in ("strict", "lax", "none") else "default"


@dataclass
class Slow:
    """A jar that looks through all that it has."""

    cookies: list[Plain] = field(default_factory=list)

    def receive(self, url: str, text: str, now: float) -> None:
        cookie = read(text, now)
        if cookie is None or not self.fits(cookie, url):
            return
        self.expire(now)
        same = [each for each in self.cookies if self.key(each) == self.key(cookie)]
        if same:
            self.cookies[self.cookies.index(same[0])] = cookie  # its creation time is that of the old one
        else:
            self.cookies.append(cookie)
        self.expire(now)

    def key(self, cookie: Plain) -> tuple[str, str, bool, str]:
        return cookie.name, cookie.domain, cookie.host_only, cookie.path

    def expire(self, now: float) -> None:
        self.cookies = [each for each in self.cookies if each.expiry > now]

    def fits(self, cookie: Plain, url: str) -> bool:  # §5.7, steps 7 to 22
        secure, host, path = split(url)
        if cookie.domain in PUBLIC:
            if cookie.domain != host:
                return False
            cookie.domain = ""
        if cookie.domain and not domain_matches(host, cookie.domain):
            return False
        cookie.host_only, cookie.domain = not cookie.domain, cookie.domain or host
        cookie.path = cookie.path or (path[: path.rindex("/")] or "/")
        if (cookie.secure and not secure) or (cookie.same_site == "none" and not cookie.secure):
            return False
        if not cookie.secure and not secure and any(self.guards(each, cookie) for each in self.cookies):
            return False
        return self.prefixed(cookie)

    def guards(self, old: Plain, new: Plain) -> bool:
        near = domain_matches(old.domain, new.domain) or domain_matches(new.domain, old.domain)
        return old.name == new.name and old.secure and near and path_matches(new.path, old.path)

    def prefixed(self, cookie: Plain) -> bool:
        if not cookie.name:
            return not cookie.value.lower().startswith(("__secure-", "__host-"))
        if cookie.name.lower().startswith("__secure-"):
            return cookie.secure
        if cookie.name.lower().startswith("__host-"):
            return cookie.secure and cookie.host_only and cookie.has_path and cookie.path == "/"
        return True

    def header(self, url: str, now: float) -> str | None:  # §5.8.3
        self.expire(now)
        secure, host, path = split(url)
        found = [
            each
            for each in self.cookies
            if (host == each.domain if each.host_only else domain_matches(host, each.domain))
            and path_matches(path, each.path)
            and (secure or not each.secure)
        ]
        found.sort(key=lambda each: -len(each.path))
        return "; ".join((f"{each.name}=" if each.name else "") + each.value for each in found) or None


HOSTS = (
    "host.test",
    "www.host.test",
    "a.www.host.test",
    "other.test",
    "co.test",
    "x.co.test",
    "10.0.0.1",
    "1.10.0.0.1",
)
PATHS = ("/", "/a", "/a/", "/a/b", "/a/b/", "/ab", "/a/b/c")
URLS = st.builds("{}://{}{}".format, st.sampled_from(("http", "https")), st.sampled_from(HOSTS), st.sampled_from(PATHS))
ATTRIBUTES = st.one_of(
    st.sampled_from(HOSTS).map("Domain={}".format),
    st.sampled_from(HOSTS).map("domain=.{}".format),
    st.sampled_from(PATHS).map("Path={}".format),
    st.sampled_from(("-1", "0", "1", "2", "5", "x", "")).map("Max-Age={}".format),
    st.integers(-3, 9).map(lambda second: "Expires=" + datetime.fromtimestamp(START + second, UTC).strftime(DATE)),
    st.sampled_from(("Secure", "Secure=x", " HttpOnly ", "SameSite=None", "SameSite=lax", "SameSite=x", "SameSite")),
    st.sampled_from(("", "x", "=", "Partitioned", "Domain=TEST", "Domain=", "Path", "Path=a", "\tPATH =\t/a ")),
)
NAMES = st.sampled_from(("A", "A", "A", "B", "a", "", "__Host-A", "__secure-A"))
SET_COOKIES = st.builds(
    lambda name, value, attributes: ";".join([f"{name}={value}", *attributes]),
    NAMES,
    st.sampled_from(("1", "2", "", " 3 ", "__Host-", "x=y")),
    st.lists(ATTRIBUTES, max_size=4),
)
STEPS = st.lists(st.tuples(st.integers(0, 2), URLS, st.lists(SET_COOKIES, max_size=4), st.booleans()), max_size=12)


@given(STEPS)
@settings(max_examples=150)
def test_both_send_the_same(steps: list[tuple[int, str, list[str], bool]]) -> None:
    jar, slow, now = Jar(suffixes=PUBLIC.__contains__), Slow(), START
    for seconds, url, set_cookies, stored in steps:
        now += seconds
        before = [slow.header(url, now), *slow.cookies]
        assert jar.header(url, now=now) == before[0]
        changed = jar.receive(url, set_cookies, now=now)
        for each in set_cookies:
            slow.receive(url, each, now)
        if stored:
            jar = Jar.unpack(jar.pack(), suffixes=PUBLIC.__contains__)
        assert jar.header(url, now=now) == slow.header(url, now)
        assert len(jar) == len(slow.cookies)
        if not changed:
            assert before[1:] == slow.cookies
    for host in HOSTS:
        for path in PATHS:
            for scheme in ("http", "https"):
                url = f"{scheme}://{host}{path}"
                assert jar.header(url, now=now) == slow.header(url, now)

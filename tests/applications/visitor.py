"""Visitor: a browser without scripts: follows redirects, keeps cookies, sends forms with what they hide."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from html.parser import HTMLParser
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, Request, build_opener

__all__ = ["Answer", "Visitor"]

PATIENCE = 120.0  # seconds for an answer: some applications begin with their first request
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer, after redirects."""

    status: int
    url: str
    text: str


class Visitor:
    """One of them; `url` is where the application is."""

    def __init__(self, url: str) -> None:
        self.url = url
        # Browsers send Secure cookies to the loopback without TLS.
        self.cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
        self._opener: OpenerDirector = build_opener(ProxyHandler({}), HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> Answer:
        return self._ask(Request(urljoin(self.url, path)))  # noqa: S310 - of the loopback

    def send(self, path: str, fields: dict[str, str], *, action: str | None = None) -> Answer:
        """Fill in a form of the page at `path`, and send it.

        `action`: where it leads; None for the form that has the `fields`.
        """
        page = self.get(path)
        whole, *forms = Forms(page.text).found
        fitting = [form for form in forms if _fits(form, fields, action, page.url)]
        hidden = (fitting or [whole])[0].hidden  # a form that a script makes takes what the page hides
        to = urljoin(page.url, action or (fitting[0].action if fitting else "") or page.url)
        body = urlencode({**hidden, **fields}).encode()
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(to))
        return self._ask(Request(to, body, {"Referer": page.url, "Origin": origin}))  # noqa: S310 - as above

    def value(self, name: str) -> str | None:
        """Of a cookie."""
        return next((cookie.value for cookie in self.cookies if cookie.name == name), None)

    def copy(self) -> Visitor:
        """Another one, with the cookies of this one."""
        other = Visitor(self.url)
        cookie: Cookie
        for cookie in self.cookies:
            other.cookies.set_cookie(cookie)
        return other

    def _ask(self, request: Request) -> Answer:
        request.add_header("User-Agent", AGENT)
        request.add_header("Accept", "text/html,application/json")
        try:
            with self._opener.open(request, timeout=PATIENCE) as response:
                return _answer(response.status, response.url, response)
        except HTTPError as error:
            with error:
                return _answer(error.code, error.url, error)


@dataclass
class Form:
    """A form of a page."""

    action: str
    hidden: dict[str, str]
    names: set[str]


class Forms(HTMLParser):
    """The forms of a page; the first is what stands outside of them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found = [Form("", {}, set())]
        self._form = self.found[0]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "form":
            self._form = Form(given.get("action") or "", {}, set())
            self.found.append(self._form)
        elif tag in ("input", "button") and name:
            self._form.names.add(name)
            if given.get("type") == "hidden":
                self._form.hidden[name] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = self.found[0]


def _fits(form: Form, fields: dict[str, str], action: str | None, url: str) -> bool:
    if action is None:
        return form.names >= set(fields)
    return urlsplit(urljoin(url, form.action)).path == urlsplit(urljoin(url, action)).path


def _answer(status: int, url: str, body: http.client.HTTPResponse | HTTPError) -> Answer:
    return Answer(status=status, url=url, text=body.read().decode("utf-8", "replace"))

"""Form: signs in as a person does, with the login form of the back end."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from sojourn.errors import SettingError, SignInFailed
from sojourn.outbound.auth.base import SigningIn
from sojourn.outbound.auth.proof import Proof, checked_identity, secret_of
from sojourn.outbound.messages import Request, Response
from sojourn.outbound.visiting.addresses import is_address, is_path, origin, path, resolved
from sojourn.outbound.visiting.pages import LONGEST, LoginForm, Page, is_html, known_encoding
from sojourn.outbound.visiting.redirects import HTML, REDIRECTS, follow, target
from sojourn.outbound.visiting.syntax import is_text

__all__ = ["Form"]

_OUT_OF_DATE = (408, 419)
"""What answers a form whose own session is gone: Tomcat's, Laravel's. It says nothing of who was to be let in."""
_TRIES = 2


class _Known(msgspec.Struct, frozen=True):
    """What a sign-in has shown of the login form."""

    names: frozenset[str]
    """Of the fields, those that it holds."""
    action: str
    """As it is written, without what differs from page to page."""
    sent_to: str
    """The path that this is, there."""
    login_page: str
    """The path of the page that it is on; empty where it comes in the place of whatever page is asked for."""


class Form(Proof):
    """Signs in with the form that asks for a password, as on `page`.

    `page` is the login page, or a page that nobody sees without having signed in. Of the forms on it the one counts
    whose password field is among `fields`; it is sent as a browser sends it, with the values given in place of its own.
    Signing in has worked unless the form comes again. It never leaves the origin of the back end: a form that is sent
    elsewhere is not sent, and a redirect that leads elsewhere is not followed.
    """

    __slots__ = ("_fields", "_identity", "_known", "_login_pages", "_page", "_secret")

    def __init__(self, page: str, fields: Mapping[str, str], *, identity: str, login_page: str | None = None) -> None:
        """Say where the form is, and what it is filled in with.

        Args:
            page: A path, with a query or without; or an address at the back end.
            fields: What a person fills in, by name of field, as in `{"username": "alice", "password": …}`.
            identity: Who signs in, for logs; not a secret.
            login_page: A path that the back end redirects to where nobody is signed in, besides the one on which the
                form was found. Give it where sessions are shared, since only who has signed in has found a form.

        Raises:
            SettingError: One of these cannot be used.
        """
        if not is_path(page) and not is_address(page):
            raise SettingError("Form(page): give a path, as in '/login', or an address without user and fragment")
        if login_page is not None and not is_path(login_page):
            raise SettingError("Form(login_page): give a path, as in '/login', or None to find it out")
        if not isinstance(fields, Mapping) or not fields:
            raise SettingError("Form(fields): give what a person fills in, as in {'username': …, 'password': …}")
        if not all(is_text(each) for pair in fields.items() for each in pair):
            raise SettingError("Form(fields): give text by name of field")
        self._page = page
        self._fields = dict(fields)
        self._identity = checked_identity(identity, "Form(identity)")
        self._secret = secret_of("form", page, sorted(fields.items()))
        self._login_pages = {path(login_page)} if login_page is not None else set[str]()
        self._known: _Known | None = None  # replaced as a whole, so that threads see one or the other

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def secret(self) -> bytes:
        return self._secret

    def sign_in(self, url: str, now: float) -> SigningIn:  # noqa: ARG002 – at any time
        start = resolved(url, self._page)
        if origin(start) != origin(url):
            raise self._failed("its page is not at the back end; give a path")
        for _ in range(_TRIES):
            response = yield from follow(Request(method="GET", url=start, headers=HTML))
            page, form = self._find(response)
            filled_in = self._filled_in(response.url, self._action(response, page, form), page, form)
            trail: list[Request] = []
            answer = yield from follow(filled_in, trail)
            own = not trail or trail[-1].method == "POST"  # of the form; else of the page that it leads to
            if answer.status not in _OUT_OF_DATE or not own:
                break
        self._check(answer, form, response.url, filled_in.url, own=own)
        in_place = _in_place(path(response.url), answer, trail)
        self._known = self._knowing(form, response.url, filled_in.url, in_place=in_place)
        return {}

    def refuses(self, response: Response) -> bool:
        """A 401, a redirect to the login page, or the login form in the place of the page that was asked for."""
        if response.status == 401:
            return True
        if response.status in REDIRECTS:
            return self._leads_to_login(response)
        asked_for_it = self._is_login_page(response.url)  # as a page that sets a cookie of CSRF
        return not asked_for_it and self.reads(response) and self._holds_form(response, self._known)

    def reads(self, response: Response) -> bool:
        """Pages alone, and those only that are short enough for a login page."""
        length = response.first("content-length")
        return (
            response.status not in REDIRECTS
            and is_html(response)
            and not (length.isascii() and length.isdigit() and (len(length) > 9 or int(length) > LONGEST))
        )

    def _find(self, response: Response) -> tuple[Page, LoginForm]:
        if response.status in REDIRECTS:
            raise self._lost(response.url, target(response.url, response))
        page = Page(response)
        forms = [form for form in page.login_forms() if not form.passwords().isdisjoint(self._fields)]
        if not forms:
            found = "no form that asks for a password" if not any(page.login_forms()) else "no such password field"
            raise self._failed(
                f"{path(self._page)} answered {response.status} and holds {found}; check page and fields"
            )
        return page, max(forms, key=self._filled)  # the first of those that hold the most of the fields

    def _filled(self, form: LoginForm) -> int:
        return len({each.name for each in form.controls}.intersection(self._fields))

    def _action(self, response: Response, page: Page, form: LoginForm) -> str:
        base = (resolved(response.url, page.base) if page.base else "") or response.url
        action = resolved(base, form.action) if form.action.strip() else response.url
        if not action or origin(action) != origin(response.url):
            raise self._failed(f"the login form would be sent elsewhere{_named(', to ', action)}; it was not")
        return action

    def _filled_in(self, at: str, action: str, page: Page, form: LoginForm) -> Request:
        by_itself = [(each.name, each.value) for each in form.controls if each.sent and each.name not in self._fields]
        encoding = known_encoding(form.charset) or page.encoding
        sent = urlencode([*by_itself, *self._fields.items()], encoding=encoding, errors="xmlcharrefreplace")
        referer = ("Referer", at)  # Django asks for it over https
        if form.method == "get":
            return Request(method="GET", url=f"{action.partition('?')[0]}?{sent}", headers=(*HTML, referer))
        # One that does not say how would be sent so by a browser, too, but is sent by a script: passwords in addresses
        # end in logs.
        kind = ("Content-Type", "application/x-www-form-urlencoded")
        return Request(method="POST", url=action, headers=(*HTML, kind, referer), body=sent.encode())

    def _check(self, answer: Response, form: LoginForm, url: str, action: str, *, own: bool) -> None:
        """Whether this answer to the form, which was found at `url`, says that somebody was let in.

        `own`: it is the form's own, and not that of a page which it leads to.
        """
        if answer.status == 401 or (answer.status >= 400 and own):
            raise self._failed(f"the login form was answered with {answer.status}; check user and password")
        if self._holds_form(answer, self._knowing(form, url, action)):
            raise self._failed("the back end answered the login form again; check user, password and page")
        if _bare(form.action).endswith("j_security_check") and own and answer.status not in REDIRECTS:
            # Who was let in is sent on (Jakarta Servlet 6.0 §13.6.3); an error page may hold no form.
            raise self._failed("the back end answered with its error page; check user and password")

    def _knowing(self, form: LoginForm, url: str, action: str, *, in_place: bool = False) -> _Known:
        names = frozenset(each.name for each in form.controls).intersection(self._fields)
        return _Known(names, _bare(form.action), path(action), "" if in_place else path(url))

    def _holds_form(self, response: Response, known: _Known | None) -> bool:
        """Whether this page holds the login form, and not one of the application that asks for a password, too."""
        if b"password" not in (response.body or b"")[:LONGEST].lower():
            return False
        names = known.names if known is not None else set(self._fields)
        return any(
            names.issubset(each.name for each in form.controls)
            and (known is None or _same_action(form.action, response.url, known))
            for form in Page(response).login_forms()
        )

    def _leads_to_login(self, response: Response) -> bool:
        url = target(response.url, response)
        return bool(url) and origin(url) == origin(response.url) and self._is_login_page(url)

    def _is_login_page(self, url: str) -> bool:
        return path(url) in self._login_pages or (self._known is not None and path(url) == self._known.login_page)

    def _lost(self, url: str, to: str) -> SignInFailed:
        """The last redirect from `url` leads to `to`; empty: nowhere."""
        if origin(to) == origin(url):
            return self._failed("the way to the login form never ends; give another page")
        return self._failed(
            f"the way to the login form leaves the back end{_named(' for ', to)}, where nothing was sent; "
            "give another page, or sign in with SignInWith"
        )

    def _failed(self, what: str) -> SignInFailed:
        return SignInFailed(f"{self!r}: {what}")


def _bare(action: str) -> str:
    """An action as it is the same on each page: without query, and without the id that Tomcat writes into it."""
    return action.strip().partition("?")[0].partition(";")[0]


def _same_action(action: str, url: str, known: _Known) -> bool:
    """Whether a form on the page at `url` is sent where the login form is.

    One without an action is sent to its own page: it is the login form where that comes in the place of other pages.
    """
    if path(resolved(url, action)) == known.sent_to:
        return True
    return _bare(action) == known.action and (bool(known.action) or not known.login_page)


def _named(to: str, url: str) -> str:
    """The origin of an address, which is no secret, and may be too long for a line."""
    return f"{to}{origin(url)}" if 0 < len(origin(url)) < 100 else ""


def _in_place(page: str, answer: Response, trail: list[Request]) -> bool:
    """Whether the page at this path shows something else to who is signed in, so that to be sent there says nothing."""
    return any(path(each.url) == page for each in trail) or (
        path(answer.url) == page and answer.status == 200 and is_html(answer)
    )

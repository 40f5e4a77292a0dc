"""Resources: what the back end has for those who were let in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.counts import Order
from sojourn.testing.backend.server.access.csrf import Guard
from sojourn.testing.backend.server.access.sessions import Session
from sojourn.testing.backend.server.messages import SAFE, Answer, Request, json_answer, text_answer
from sojourn.testing.backend.server.pages import front_page
from sojourn.testing.backend.server.tally import Tally

__all__ = ["Call", "Resources"]

_VISIBLE = re.compile(r"[ -~]*")
_REDIRECTS = {"301", "302", "303", "307", "308"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request that was let in."""

    request: Request
    user: str
    session: Session | None
    """None where there are none."""


class Resources:
    """A page, orders, rows, cookies of any kind, and a way to other servers."""

    def __init__(self, behaviour: Behaviour, guard: Guard, tally: Tally) -> None:
        self._behaviour = behaviour
        self._guard = guard
        self._tally = tally
        self._at: dict[str, Callable[[Call], Answer]] = {
            "/": self._front,
            "/me": self._me,
            "/rows": self._rows,
            "/cookies": self._cookies,
            "/leave": self._leave,
        }

    async def answer(self, call: Call) -> Answer:
        """Carry a request out."""
        request = call.request
        if request.path == "/orders" or request.path.startswith("/orders/"):
            await asyncio.sleep(self._behaviour.takes)
            return self._order(call)
        resource = self._at.get(request.path)
        if resource is None:
            return text_answer(404, "Nothing is here")
        if request.method not in SAFE and resource != self._leave:
            return text_answer(405, "Method not allowed", ("allow", "GET, HEAD"))
        if resource == self._rows:
            await asyncio.sleep(self._behaviour.takes)
        return resource(call)

    def _order(self, call: Call) -> Answer:
        request, session = call.request, call.session
        if request.method in SAFE:
            mine = [each.number for each in self._tally.orders if each.user == call.user]
            return json_answer(200, {"orders": mine})
        number = self._tally.add("orders")
        self._tally.ordered(
            Order(
                number=number,
                method=request.method,
                path=request.path,
                body=request.body.decode(errors="replace"),
                user=call.user,
                session=None if session is None else session.number,
            )
        )
        if request.method != "POST":
            return json_answer(200, {"order": number})
        return json_answer(201, {"order": number}, ("location", f"/orders/{number}"))

    def _front(self, call: Call) -> Answer:
        head = self._guard.head(call.session) if call.session is not None else ""
        if head:
            self._tally.add("csrf_tokens")
        return text_answer(200, front_page(call.user, head), kind="text/html")

    def _me(self, call: Call) -> Answer:
        return json_answer(200, {"user": call.user, "session": None if call.session is None else call.session.number})

    def _rows(self, call: Call) -> Answer:
        """Answer a page: the first, or with `?next` the one after the last that this session had."""
        session = call.session
        if session is None:
            return text_answer(501, "Rows need a session")
        first = 0
        if "next" in call.request.query:
            if session.cursor is None:
                return json_answer(409, {"error": "no cursor is open in this session; begin with /rows"})
            first = session.cursor
        end = min(first + self._behaviour.page, self._behaviour.rows)
        more = end < self._behaviour.rows
        session.cursor = end if more else None
        return json_answer(200, {"rows": list(range(first, end)), "more": more})

    def _cookies(self, call: Call) -> Answer:
        """Set each line of `?set=`, as it is."""
        lines = call.request.query.get("set", "").split("\n")
        if not all(map(_VISIBLE.fullmatch, lines)):
            return text_answer(400, "A line of Set-Cookie is made of visible ASCII and spaces")
        return json_answer(200, len(lines)).with_headers(("set-cookie", line) for line in lines)

    def _leave(self, call: Call) -> Answer:
        """Redirect to `?to=`, wherever that is: to see what clients take along."""
        to, status = call.request.query.get("to", ""), call.request.query.get("status", "302")
        if not to or not _VISIBLE.fullmatch(to) or status not in _REDIRECTS:
            return text_answer(400, "Give ?to= an address, and ?status= one of a redirect")
        return Answer(status=int(status), headers=(("location", to),))

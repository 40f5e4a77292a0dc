"""A call played by hand: each step is seen, and answered when the test wants."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future
from typing import Any

from sojourn.outbound import Backend, Exchange
from sojourn.outbound.messages import Ask, Call, Response, Send, Wait

URL = "http://erp.example/"
SESSION = ("Set-Cookie", "JSESSIONID=one; Path=/")
ANOTHER = ("Set-Cookie", "JSESSIONID=two; Path=/")


def backend(**settings: Any) -> Backend:
    return Backend(URL, **{"reuse": "exchange", "auth": ("alice", "secret"), **settings})


class Played:
    """One call. `step` is what it asks for; once it is over, `result` is the answer, or `error` what it raised."""

    def __init__(
        self,
        exchange: Exchange,
        method: str = "GET",
        path: str = "rows",
        *,
        replayable: bool = True,
        headers: dict[str, str] | None = None,
        url: str = URL,
    ) -> None:
        given = {name.lower(): [value] for name, value in (headers or {}).items()}
        call = Call(method=method, url=url + path, fields=lambda name: given.get(name, []), replayable=replayable)
        self._url = url + path
        self._steps: Generator[Any, Any, Response] = exchange.steps(call)
        self.step: Any = None
        self.result: Response | None = None
        self.error: BaseException | None = None
        self._go(lambda: next(self._steps))

    @property
    def sent(self) -> dict[str, str | None]:
        """The headers of ours that the call is to carry."""
        assert isinstance(self.step, Send), self.step
        return self.step.headers

    @property
    def asked(self) -> str:
        """What the negotiation asks for on its own."""
        assert isinstance(self.step, Ask), self.step
        return f"{self.step.request.method} {self.step.request.url.removeprefix(URL)}"

    @property
    def waits(self) -> bool:
        """Whether it waits for another one that is not done."""
        return isinstance(self.step, Wait) and not self.step.future.done()

    def answer(self, status: int = 200, *headers: tuple[str, str], body: bytes = b"") -> None:
        """The answer of the back end."""
        url = self.step.request.url if isinstance(self.step, Ask) else self._url
        self._go(lambda: self._steps.send(Response.of(status, url, headers, body)))

    def go_on(self) -> None:
        """What it waited for is done."""
        assert isinstance(self.step, Wait)
        future: Future[None] = self.step.future
        future.result(0)
        self._go(lambda: self._steps.send(None))

    def done(self, result: Any) -> None:
        """What was to be done has come to this."""
        self._go(lambda: self._steps.send(result))

    def fail(self, error: BaseException) -> None:
        """What was asked for came to nothing."""
        self._go(lambda: self._steps.throw(error))

    def _go(self, step: Any) -> None:
        try:
            self.step = step()
        except StopIteration as stop:
            self.step, self.result = None, stop.value
        except BaseException as error:  # noqa: BLE001 - it is what the test looks at
            self.step, self.error = None, error

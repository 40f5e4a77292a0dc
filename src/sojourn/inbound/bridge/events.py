"""Events: a stream of server-sent events that sync code makes, and the session that it belongs to."""

from __future__ import annotations

import time

from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.lasting import Presence
from sojourn.waiting import wait

__all__ = ["Events"]


class Events:
    """Looks after such a stream between two of its parts, when its application stands still: no thread goes beside it.

    So a stream that has nothing to tell for long is over when it has.
    """

    def __init__(self, visit: Visit) -> None:
        """`visit`: has a session, and its answer has started."""
        attending = visit.sessions.attending
        self._presence = Presence(attending, visit.session, visit.sessions.lifetime)
        self._check = attending.sockets.check
        self._due = time.monotonic() + self._check

    @property
    def over(self) -> bool:
        """Whether the session has ended, and the stream with it."""
        return self._presence.over

    def go_on(self) -> bool:
        """Whether a part may be sent that is there now. Asks the store when it is time to."""
        presence = self._presence
        presence.send()
        if time.monotonic() >= self._due and not presence.over:
            if not wait(presence.goes_on()):
                presence.lose()
            self._due = time.monotonic() + self._check
        return not presence.over

    def caused(self, error: BaseException) -> bool:
        """Whether `error` comes of the end of the session."""
        return self._presence.caused(error)

    def leave(self) -> None:
        """The stream is over."""
        wait(self._settle())

    async def _settle(self) -> None:
        self._presence.settle()

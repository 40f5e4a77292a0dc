"""AppContract: what every framework's side promises, as tests over HTTP."""

from __future__ import annotations

from sojourn.testing.app.promises.answers import AnswerPromises
from sojourn.testing.app.promises.contents import ContentsPromises
from sojourn.testing.app.promises.endings import EndingPromises, SharingPromises
from sojourn.testing.app.promises.identity import IdentityPromises
from sojourn.testing.app.promises.lifetimes import LifetimePromises
from sojourn.testing.app.promises.overlapping import OverlappingPromises
from sojourn.testing.app.promises.owners import OwnerPromises
from sojourn.testing.app.promises.refusals import RefusalPromises
from sojourn.testing.app.promises.saving import SavingPromises
from sojourn.testing.app.promises.sockets import SocketPromises
from sojourn.testing.app.promises.streaming import StreamingPromises
from sojourn.testing.app.promises.tracking import TrackingPromises

__all__ = ["AppContract"]


class AppContract(
    ContentsPromises,
    SavingPromises,
    IdentityPromises,
    OwnerPromises,
    TrackingPromises,
    LifetimePromises,
    EndingPromises,
    SharingPromises,
    OverlappingPromises,
    AnswerPromises,
    RefusalPromises,
    StreamingPromises,
    SocketPromises,
):
    """The promises of a framework's side, as tests of the application that a subclass serves.

        class TestMyFramework(AppContract):
            cannot = {"test_*socket*": "it has no WebSockets"}

            @contextmanager
            def serve(self, sessions: Sessions) -> Iterator[str]:
                with in_a_thread(application(sessions)) as port:
                    yield f"http://127.0.0.1:{port}"

    The application has the routes of `sojourn.testing.app.deeds`, which says what they do; `serve` is asked once for
    each set of settings that a test needs. The server runs in threads of this process, answers several requests at
    once, and tells the time by the clock of the contract, which made `sessions`.

    The store is in memory, unless the fixture `address` (of scope class) returns the address of another one, fresh and
    empty.
    """

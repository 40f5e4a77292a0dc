"""FastAPI: the session, and typed views of it, as dependencies; `sojourn.inbound.asgi` gives requests their session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi.requests import HTTPConnection

from sojourn.core.session import Session
from sojourn.errors import SettingError

__all__ = ["session", "view"]

T = TypeVar("T")


# Coroutines, though they wait for nothing: FastAPI runs other functions in a thread.
async def session(connection: HTTPConnection) -> Session:
    """The session of a request or WebSocket: `Annotated[Session, Depends(session)]`.

    Raises `SettingError` where none of ours is around the application.
    """
    found = connection.scope.get("session")
    if not isinstance(found, Session):
        raise SettingError(
            "Depends(session): this request has no session of Sojourn's; "
            "write app.add_middleware(SessionMiddleware, sessions=sessions)"
        )
    found.mark_accessed()
    return found


def view(kind: type[T], *, at: str | None = None) -> Callable[[HTTPConnection], Awaitable[T]]:
    """A dependency that is `session.view(kind, at=at)`: `cart: Annotated[Cart, Depends(view(Cart))]`.

    What the route changes in it is stored with its answer. Raises `ViewMismatch` as the session does.
    """

    async def look(connection: HTTPConnection) -> T:
        return (await session(connection)).view(kind, at=at)

    return look

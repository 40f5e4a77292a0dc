"""Refusals: what the errors of a server and of the client library mean."""

from __future__ import annotations

from valkey import exceptions

from sojourn.errors import (
    OutcomeUnknown,
    StoreBusy,
    StoreDamaged,
    StoreDenied,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)

__all__ = ["Ask", "Moved", "TryAgain", "explain", "lost", "unreachable"]


class Moved(StoreUnavailable):
    """Another server of the cluster has the slot now; nothing happened here."""


class TryAgain(StoreBusy):
    """Half of what a script needs is here and half on its way to another server; nothing happened."""


class Ask(StoreUnavailable):
    """The slot is on its way to another server: this one question is to be asked there."""

    def __init__(self, host: str, port: int) -> None:
        """`host`, `port`: where to ask; no host means the one that answered."""
        super().__init__("a slot of the cluster is on its way to another server; try again")
        self.place = (host, port)


_FORBIDDEN = "forbids what the store needs; see the rights in ValkeyStore"
_KINDS: tuple[tuple[type[Exception], type[StoreUnavailable], str], ...] = (
    (exceptions.OutOfMemoryError, StoreFull, "has no memory left (maxmemory); give it more, nothing stored is lost"),
    (exceptions.ReadOnlyError, StoreReadOnly, "is a replica and cannot be written; name the primary, or its sentinels"),
    (exceptions.NoPermissionError, StoreDenied, _FORBIDDEN),
    (exceptions.AuthenticationError, StoreDenied, "refuses user or password; mend them in the address"),
    (exceptions.BusyLoadingError, StoreBusy, "is still loading its data; wait until it is done"),
)
_CODES: dict[str, tuple[type[StoreUnavailable], str]] = {
    "BUSY": (StoreBusy, "runs somebody's script for too long; find it, or SCRIPT KILL it"),
    "CLUSTERDOWN": (StoreUnavailable, "says that its cluster is down; see CLUSTER INFO"),
    "MASTERDOWN": (StoreUnavailable, "is a replica that has lost its primary; wait for the fail-over"),
    "MISCONF": (StoreReadOnly, "refuses writes since it cannot save to its disk; see its log"),
    "NOREPLICAS": (StoreUnavailable, "refuses writes since too few replicas follow; see min-replicas-to-write"),
    "TRYAGAIN": (TryAgain, "is moving the slot elsewhere; try again"),
    "UNKILLABLE": (StoreBusy, "runs a script that cannot be stopped; wait for it"),
}


def explain(error: Exception, where: str, *, wrote: bool = False) -> StoreUnavailable:
    """What it means that the server at `where` refused a command: it did not happen.

    Only a script that it stopped midway has perhaps written some of it (`wrote`: whether it would have). The text of
    the server is not shown: it may hold what it was given.
    """
    stopped = OutcomeUnknown if wrote else StoreUnavailable
    if "ACL failure in script" in str(error):
        return stopped(f"Valkey at {where} {_FORBIDDEN}")
    if "DB index" in str(error):
        return StoreDenied(f"Valkey at {where} has no database of that number; correct it in the address")
    for kind, ours, meaning in _KINDS:
        if isinstance(error, kind):
            return ours(f"Valkey at {where} {meaning}")
    code, *rest = str(error).split(" ", 2)
    if code in ("MOVED", "ASK") and len(rest) == 2:
        host, _, port = rest[1].rpartition(":")
        return Moved("the cluster was reshaped; try again") if code == "MOVED" else Ask(host, int(port))
    if code == "WRONGTYPE" and not wrote:  # in one place, so the others can be served
        return StoreDamaged(f"Valkey at {where} holds something else where a session should be; see who writes there")
    ours, meaning = _CODES.get(code, (stopped, f"refused a command ({_plain(code)}); its log may say more"))
    return ours(f"Valkey at {where} {meaning}")


def lost(where: str, *, wrote: bool, late: float | None = None) -> StoreUnavailable:
    """What it means that no answer came; `late`: within so many seconds."""
    how = "the connection broke" if late is None else f"no answer came within {late:g} s"
    if wrote:
        return OutcomeUnknown(f"Valkey at {where}: {how}, so it wrote, or it did not; load and compare")
    return StoreUnavailable(f"Valkey at {where}: {how}; see whether it runs and can be reached")


def unreachable(error: BaseException, where: str) -> StoreUnavailable:
    """What it means that no connection was made: nothing happened."""
    if isinstance(error, StoreUnavailable):
        return error
    if isinstance(error, exceptions.ResponseError | exceptions.AuthenticationError | exceptions.BusyLoadingError):
        return explain(error, where)
    text = str(error)
    if "certificate" in text.lower():
        return StoreUnavailable(f"Valkey at {where}: its certificate is not trusted; name its authority with ?ca=")
    if "SSL" in text or "record layer" in text:
        return StoreUnavailable(f"Valkey at {where}: TLS failed; see whether it speaks TLS, and which")
    if "max number of clients" in text:
        return StoreBusy(f"Valkey at {where} has as many clients as it may have; raise maxclients")
    if "No such file" in text and not where.startswith("/"):  # a socket would be one
        return StoreUnavailable(f"Valkey at {where}: there is no file that ?ca=, ?cert= or ?key= names; correct it")
    return StoreUnavailable(f"Valkey at {where} cannot be reached; see whether it runs and the address is right")


def _plain(code: str) -> str:
    return code if code.isalpha() and code.isupper() and len(code) < 20 else "an error"

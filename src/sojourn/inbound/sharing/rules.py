"""Which settings go together with a shared id."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.errors import SettingError
from sojourn.inbound.keeping.rules import lacks
from sojourn.store.base import Lists, Store, Sweeps, power
from sojourn.store.stack import NEAR

__all__ = ["check_sharing"]


def check_sharing(
    store: str | Store,
    opened: Store,
    *,
    near: object,
    save: str,
    outage: str,
    tracking: Sequence[str],
    takes_over: Sequence[object],
) -> None:
    """Raise `SettingError` for what cannot be had together with a shared id. `opened`: the store at that address."""
    refusals = (
        (save == "async", f"save={save!r}", "all applications have to know it at once; give 'sync' or 'manual'"),
        (near not in (None, NEAR), "near=…", "no copies are kept of what is under a shared id; leave it out"),
        (outage != "fail", f"outage={outage!r}", "give 'fail', the default"),
        (list(tracking) != ["cookie"], "tracking=…", "a shared id travels in a cookie; give ['cookie']"),
        (bool(takes_over), "takes_over=…", "take sessions over first, and share the id when their time is over"),
        (
            isinstance(store, str) and store.startswith("memory:"),
            f"store={store!r}",
            "each would have a memory of its own; give all one store that was opened once, or one on disk",
        ),
    )
    for refused, setting, reason in refusals:
        if refused:
            raise SettingError(f"Sessions(share_id=True, {setting}): {reason}")
    for kind, method in ((Lists, "find"), (Sweeps, "end")):
        if power(opened, kind) is None:
            raise SettingError(f"Sessions(share_id=True): {lacks(opened, method, kind.__name__)}")

"""The public suffix list: domains below which anybody may register, so that no cookie is for all of one."""

from __future__ import annotations

import threading
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

__all__ = ["is_public"]

_building = threading.Lock()
_built: list[PublicSuffixList] = []


@lru_cache(maxsize=1024)
def is_public(domain: str) -> bool:
    """Whether a canonical domain is a public suffix; one that is in no rule is when it has one label.

    The list is read with the first question of the process, which takes some 40 ms.
    """
    if not _built:
        with _building:
            if not _built:
                _built.append(PublicSuffixList())
    return _built[0].is_public(domain)

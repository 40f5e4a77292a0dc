"""Sharing: several applications share a visitor's id, and each keeps a session of its own under it."""

from sojourn.inbound.sharing.commits import SharedCommits
from sojourn.inbound.sharing.cookies import SharedTracking
from sojourn.inbound.sharing.everywhere import Everywhere
from sojourn.inbound.sharing.rules import check_sharing
from sojourn.inbound.sharing.session import sharing
from sojourn.inbound.sharing.store import SharedStore

__all__ = ["Everywhere", "SharedCommits", "SharedStore", "SharedTracking", "check_sharing", "sharing"]

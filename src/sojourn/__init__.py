"""Sojourn keeps HTTP sessions: durable, cheap, and never losing an update."""

from sojourn.core.codec import transient
from sojourn.core.cookies import Cookie
from sojourn.core.lifetime import Lifetime
from sojourn.core.session import Session
from sojourn.inbound.ending.limit import Limit
from sojourn.inbound.ending.sweeping import Sweep
from sojourn.inbound.lasting.sockets import Sockets
from sojourn.inbound.sessions import Sessions
from sojourn.inbound.tracking.certificates import Certificate
from sojourn.inbound.tracking.rewriting import Rewriting
from sojourn.store.behind import Behind
from sojourn.store.near import Near

__all__ = [
    "Behind",
    "Certificate",
    "Cookie",
    "Lifetime",
    "Limit",
    "Near",
    "Rewriting",
    "Session",
    "Sessions",
    "Sockets",
    "Sweep",
    "transient",
]

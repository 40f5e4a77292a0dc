"""The sessions of an application's visitors."""

from sojourn.inbound.sessions import Sessions

__all__ = ["Sessions"]

"""Jar: the cookies of one session at a back end, after RFC 6265bis."""

from sojourn.outbound.jar.domains import Domains
from sojourn.outbound.jar.jar import Jar
from sojourn.outbound.jar.merging import merged
from sojourn.outbound.jar.stored import Fact

__all__ = ["Domains", "Fact", "Jar", "merged"]

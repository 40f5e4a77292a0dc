"""Hosts: in one form, and which domain they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

__all__ = ["canonical", "domain_matches", "domains", "is_ip", "is_loopback"]

_LONGEST = 254  # RFC 1035 §2.3.4, with a dot at the end
_NAME = re.compile(r"(?:[!$&'()*+,;=~_a-z0-9-]+\.)*[!$&'()*+,;=~_a-z0-9-]+\.?")  # RFC 3986 §3.2.2, not DNS: as browsers
_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?$")  # WHATWG URL, "ends in a number": an address, or nothing


def canonical(host: str) -> str | None:
    """The host as hosts are compared: small letters, A-labels (RFC 5890), one spelling of an IPv6 address in brackets.

    None for what is no host. Labels that are ASCII stay as they came, since that is what is looked up.
    """
    if host.startswith("["):
        return _six(host)
    if not host.isascii():
        return _ascii(host)
    host = host.lower()
    return host if len(host) <= _LONGEST and _NAME.fullmatch(host) else None


def _six(host: str) -> str | None:
    try:
        address = IPv6Address(host[1:-1])
    except ValueError:
        return None
    if address.ipv4_mapped is None:
        return f"[{address}]"
    high, low = divmod(int(address.ipv4_mapped), 1 << 16)
    return f"[::ffff:{high:x}:{low:x}]"  # Python 3.13 has begun to write these otherwise, and jars are stored


def _ascii(host: str) -> str | None:
    # As IDNA 2008 reads names, and the clients, that each bring the package. The standard library's codec is that of
    # 2003, in which `faß.example` and `fass.example` are one host.
    try:
        import idna

        return canonical(idna.encode(host, uts46=True).decode())
    except (ModuleNotFoundError, UnicodeError):  # idna's errors are UnicodeErrors
        return None


def is_ip(host: str) -> bool:
    """Whether a canonical host is an IP address, which belongs to no domain."""
    return host.startswith("[") or _NUMBER.search(host) is not None


def is_loopback(host: str) -> bool:
    """Whether a canonical host is this machine (W3C Secure Contexts, "potentially trustworthy")."""
    if host.endswith(("localhost", "localhost.")):
        return host.removesuffix(".").endswith(".localhost") or host in ("localhost", "localhost.")
    if host == "[::1]":
        return True
    try:
        return IPv4Address(host).is_loopback
    except ValueError:
        return False


def domains(host: str) -> Iterator[str]:
    """All domains that a canonical host matches (RFC 6265bis §5.1.3): itself first, then those above it."""
    yield host
    if not is_ip(host):
        while (dot := host.find(".")) >= 0:
            host = host[dot + 1 :]
            if host:
                yield host


def domain_matches(host: str, domain: str) -> bool:
    """Whether a canonical host belongs to a domain (RFC 6265bis §5.1.3)."""
    return host == domain or (host.endswith(domain) and host[: -len(domain)].endswith(".") and not is_ip(host))

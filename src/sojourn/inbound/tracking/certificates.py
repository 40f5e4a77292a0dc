"""Certificates: a client's certificate in the place of an id, the modern form of tracking by TLS."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import unquote

from sojourn.core.ids import CertificateId
from sojourn.errors import SettingError
from sojourn.inbound.tracking.request import Request

__all__ = ["Certificate"]

UNIX = "unix"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_PEM = b"-----BEGIN"


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """Who may say which certificate a client has shown: the server itself, unless a proxy is there for that.

    A proxy must remove the header from what clients send, in every spelling, also where there is no certificate.
    """

    header: str = "Client-Cert"
    """In which a proxy tells it: as RFC 9440 has it, as SHA-256 of its DER in hex, or as PEM, percent-encoded."""
    proxies: Sequence[str] = ()
    """Addresses and networks of the proxies that tell it, `"unix"` for a Unix socket. Nobody else is believed."""

    def __post_init__(self) -> None:
        if not isinstance(self.header, str) or not _TOKEN.fullmatch(self.header):
            raise SettingError(f"Certificate(header={self.header!r}): give the name of a header (RFC 9110 §5.6.2)")
        if isinstance(self.proxies, str):
            raise SettingError(f"Certificate(proxies={self.proxies!r}): give a list of addresses")
        self._networks  # noqa: B018 - so that what is wrong is told now

    def shown(self, request: Request) -> CertificateId | None:
        """The id that the certificate of the client stands for; None without one, and where it is not certain."""
        if self.proxies and self._trusts(request.peer):
            values = request.header(self._name)
            digest = _digest(values[0]) if len(values) == 1 else None
        else:
            chain = request.certificates
            digest = _of_pem(chain[0].encode()) if chain else None
        return None if digest is None else CertificateId(digest)

    def _trusts(self, peer: str | None) -> bool:
        if peer is None:
            return UNIX in self.proxies
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    @cached_property
    def _name(self) -> bytes:
        return self.header.lower().encode()

    @cached_property
    def _networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        try:
            return [ipaddress.ip_network(each) for each in self.proxies if each != UNIX]
        except ValueError as error:
            raise SettingError(f"Certificate(proxies=…): {error}; give addresses, networks or 'unix'") from None


@lru_cache(maxsize=1024)  # the same ones with each request
def _digest(value: bytes) -> bytes | None:
    """SHA-256 of the certificate that the value of a header tells."""
    value = value.strip(b" \t")
    if value.startswith(b":") and value.endswith(b":"):  # a byte sequence (RFC 9440 §2.1, RFC 9651 §3.3.5)
        try:
            der = base64.b64decode(value[1:-1], validate=True)
        except binascii.Error:
            return None
        return hashlib.sha256(der).digest() if der else None
    if value.startswith(_PEM):
        return _of_pem(unquote(value.decode("latin-1")).encode("latin-1", "replace"))
    plain = value.replace(b":", b"")
    return binascii.unhexlify(plain) if re.fullmatch(rb"[0-9A-Fa-f]{64}", plain) else None


@lru_cache(maxsize=1024)
def _of_pem(pem: bytes) -> bytes | None:
    try:
        der = ssl.PEM_cert_to_DER_cert(pem.decode("ascii").strip())
    except ValueError:
        return None
    return hashlib.sha256(der).digest() if der else None

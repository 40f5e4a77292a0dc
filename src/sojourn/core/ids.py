"""Ids: the secret that a visitor carries, the key it is stored under, the ref it is spoken of by."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

__all__ = ["CertificateId", "SessionId", "new_ref"]

# 43 characters of base64url are 256 random bits (ASVS 7.2.3 asks for 128). Nothing else reaches a store (R73).
_ID = re.compile(rb"[A-Za-z0-9_-]{43}")

_TAG = 2  # characters that an id keeps over its renewals: 12 of 256 bits, no secret


class SessionId:
    """The secret. It shows itself through `secret` alone: never in a repr, a log or an error.

    Its first two characters stay over renewals, so that all that a store keeps of one session has one tag and can
    rest in one slot of a cluster.
    """

    __slots__ = ("key", "secret")

    fixed = False
    """Whether the visitor has it from elsewhere, so that no other can take its place."""
    passing = False
    """Whether it only stands for what another library gave out, and another has to take its place."""

    def __init__(self, secret: str) -> None:
        """`secret`: 43 characters of base64url, from `new` or checked by `parse`."""
        self.secret = secret
        # Unkeyed SHA-256 is sound for 256 random bits. What kind of id it is is part of what is hashed, so that what is
        # public (a certificate's fingerprint) opens nothing as a cookie. Cookie, URL and header carry the same id.
        digest = hashlib.sha256(b"cookie\0" + secret.encode()).digest()
        self.key = secret[:_TAG] + base64.urlsafe_b64encode(digest)[:43].decode()

    @classmethod
    def new(cls, after: SessionId | None = None) -> SessionId:
        """A fresh id; with the tag of `after`, when it is to take that one's place."""
        secret = secrets.token_urlsafe(32)
        return cls(secret if after is None else after.secret[:_TAG] + secret[_TAG:])

    @classmethod
    def parse(cls, value: bytes) -> SessionId | None:
        """The id that `value` spells, or None when it is none of ours by length or alphabet."""
        return cls(value.decode()) if _ID.fullmatch(value) else None

    def __repr__(self) -> str:
        return "<SessionId>"


class CertificateId(SessionId):
    """A client's certificate in the place of an id. What is known of it is public: whoever asks has shown the key."""

    __slots__ = ()

    fixed = True

    def __init__(self, digest: bytes) -> None:
        """`digest`: SHA-256 of the certificate, as DER."""
        self.secret = base64.urlsafe_b64encode(digest)[:43].decode()
        hashed = hashlib.sha256(b"certificate\0" + self.secret.encode()).digest()
        self.key = self.secret[:_TAG] + base64.urlsafe_b64encode(hashed)[:43].decode()


def new_ref() -> str:
    """A public name for a session: 16 characters of base32 (80 random bits), stable over renewals, fit for logs."""
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()

"""Packing: a session at a back end as bytes, secrets included, and back."""

from __future__ import annotations

import msgspec

from sojourn.errors import StoreDamaged
from sojourn.outbound.jar import Jar
from sojourn.outbound.keeping.session import BackendSession

__all__ = ["pack", "unpack"]

FORM = 1


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    form: int
    ref: str
    proven: bool
    token: str | None
    cookies: bytes

    def __repr__(self) -> str:
        return f"<Packed {self.ref}>"


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def pack(session: BackendSession) -> bytes:
    """All that another node needs to go on with it."""
    return _encode(_Packed(FORM, session.ref, session.proven, session.token.value, session.jar.pack()))


def unpack(data: bytes, jar: Jar, used_at: float) -> BackendSession | None:
    """What was packed; None for what is none, or is of another form.

    `jar`: what its own is like. `used_at`: when it was used last.
    """
    try:
        packed = _decode(data)
        if packed.form != FORM:
            return None
        session = BackendSession(jar.like(packed.cookies), used_at)
    except (msgspec.DecodeError, UnicodeError, StoreDamaged):
        return None
    session.ref = packed.ref
    session.proven = packed.proven
    session.token.value = packed.token
    return session

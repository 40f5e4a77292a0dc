"""Sealed: what sessions hold is encrypted before it reaches the store, and none of it can be changed or swapped there.

Only `data` is sealed, with AES-256-GCM. All that a store searches and compares stays readable: key, ref, application,
principal, versions, times. What a save sets of that (all but the times and the node) is bound to the data: a copy of it
in another session, under another key, for another principal or in another version does not open.

The sealed data of a record, after NIST SP 800-38D::

    C1 01 | id of the key (4) | nonce (12, random) | ciphertext | tag (16)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import os
import secrets
from collections.abc import Callable, Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sojourn.core.codec import SEALED
from sojourn.core.events import Reason
from sojourn.core.record import Record
from sojourn.errors import Conflict, SettingError
from sojourn.store.around import Around
from sojourn.store.base import Ending, Query, Store, WhenFull

__all__ = ["SealedStore", "key_ring", "new_key"]

KEY_SIZE = 32  # bytes, of AES-256
FORMAT = SEALED + b"\x01"
KEY_ID_SIZE = 4  # bytes
NONCE_SIZE = 12  # bytes: the one length that GCM takes as it is (SP 800-38D §8.2)
_RING = "a list of keys of 32 bytes, oldest to newest, as key_ring(text) reads them from what new_key() makes"
_NONCE_AT = len(FORMAT) + KEY_ID_SIZE
_TEXT_AT = _NONCE_AT + NONCE_SIZE

_encode = msgspec.msgpack.Encoder().encode
_log = logging.getLogger(__name__)


def new_key() -> str:
    """A fresh key as text: URL-safe base64 of 32 random bytes."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_SIZE)).decode().rstrip("=")


def key_ring(text: str) -> list[bytes]:
    """The keys that `text` names, as `new_key` writes them, oldest first, with commas or spaces between them.

    Raises `SettingError`, which tells the place of a key that is none, and nothing of it.
    """
    keys = []
    for place, word in enumerate(text.replace(",", " ").split(), start=1):
        try:
            key = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            key = b""
        if len(key) != KEY_SIZE:
            raise SettingError(f"key {place} of the ring is no URL-safe base64 of 32 bytes; make one with new_key()")
        keys.append(key)
    return keys


class SealedStore(Around):
    """Seals what goes into the store `inner`, and opens what comes out.

    The last key of the ring seals, all of them open. To rotate, give the new key to every node before the last place,
    so that all can open what one of them will seal; then put it last on every node; take the oldest away when all that
    it sealed has ended. A key is good for 2³² saves (SP 800-38D §8.3): at 1000 a second, for seven weeks.

    A session that does not open, because its bytes were changed, its key was lost or it never was sealed, is absent for
    its visitor: nothing of it is believed, and nothing is written over it. Searches and sweeps still see it, with data
    that cannot be read. What a search says of principals is what the store says.
    """

    def __init__(
        self,
        inner: Store,
        keys: Sequence[bytes],
        *,
        unreadable: Callable[[Record, str], None] | None = None,
    ) -> None:
        """`keys`: of 32 bytes each, oldest to newest. `unreadable`: told of each record that does not open, and why.

        Raises `SettingError`.
        """
        super().__init__(inner)
        self._ciphers: dict[bytes, AESGCM] = {}
        for place, key in enumerate(_checked(keys), start=1):
            key_id = _key_id(key)
            if key_id in self._ciphers:
                raise SettingError(f"key {place} of the ring is there twice; give each once, oldest to newest")
            self._ciphers[key_id] = AESGCM(key)
            self._newest = key_id
        self._unreadable = unreadable
        self._told: set[str] = set()
        self.unopened = 0
        """How often a record did not open."""

    async def load(self, key: str, app: str) -> Record | None:
        """As `Store`; None for what does not open."""
        return self._believed(await self.inner.load(key, app))

    async def save(self, record: Record, *, over: Record | None) -> None:
        """As `Store`."""
        try:
            await self.inner.save(self._seal(record), over=over)
        except Conflict as conflict:
            raise Conflict(self._believed(conflict.stored)) from None

    async def admit(
        self, record: Record, *, over: Record | None, limit: int, when_full: WhenFull, lease: float
    ) -> list[Record]:
        """As `Admits`."""
        try:
            evicted = await super().admit(self._seal(record), over=over, limit=limit, when_full=when_full, lease=lease)
        except Conflict as conflict:
            raise Conflict(self._believed(conflict.stored)) from None
        return [self._opened(each) for each in evicted]

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:
        """As `Sweeps`."""
        ended = await super().end(key, app, reason=reason, lease=lease)
        return None if ended is None else self._opened(ended)

    async def claim(self, *, limit: int, lease: float) -> list[Ending]:
        """As `Sweeps`."""
        claimed = await super().claim(limit=limit, lease=lease)
        return [Ending(record=self._opened(ending.record), reason=ending.reason) for ending in claimed]

    async def find(self, query: Query, *, limit: int = 100, after: str = "") -> list[Record]:
        """As `Lists`."""
        return [self._opened(record) for record in await super().find(query, limit=limit, after=after)]

    def _seal(self, record: Record) -> Record:
        nonce = os.urandom(NONCE_SIZE)
        head = FORMAT + self._newest
        text = self._ciphers[self._newest].encrypt(nonce, record.data, _bound(head, record))
        return msgspec.structs.replace(record, data=head + nonce + text)

    def _believed(self, record: Record | None) -> Record | None:
        """`record`, opened; None when it does not open."""
        data = None if record is None else self._data(record)
        return None if record is None or data is None else msgspec.structs.replace(record, data=data)

    def _opened(self, record: Record) -> Record:
        """`record`, opened; with data that nobody can read when it does not open."""
        data = self._data(record)
        return msgspec.structs.replace(record, data=SEALED if data is None else data)

    def _data(self, record: Record) -> bytes | None:
        data = self._unsealed(record)
        if isinstance(data, bytes):
            return data
        self.unopened += 1
        if data not in self._told:  # once, since a lost key would fill the log
            self._told.add(data)
            _log.warning("a session does not open, and counts as absent: %s (logged once)", data)
        if self._unreadable is not None:
            self._unreadable(record, data)
        return None

    def _unsealed(self, record: Record) -> bytes | str:
        """What is sealed, or as text why it does not open."""
        sealed = record.data
        head, nonce, text = sealed[:_NONCE_AT], sealed[_NONCE_AT:_TEXT_AT], sealed[_TEXT_AT:]
        cipher = self._ciphers.get(head[len(FORMAT) :])
        if not head.startswith(FORMAT):
            # Not read either: whoever can write to the store could have put it there.
            return "it is not sealed, or a newer Sojourn sealed it"
        if cipher is None:
            return f"the key {head[len(FORMAT) :].hex()} is not in the ring"
        try:
            return cipher.decrypt(nonce, text, _bound(head, record))
        except (InvalidTag, ValueError):  # ValueError: it is cut short
            return "it was changed in the store"


def _bound(head: bytes, record: Record) -> bytes:
    """What the data is bound to: all that a save sets and a touch leaves."""
    return head + _encode((record.app, record.key, record.ref, record.principal, record.epoch, record.version))


def _checked(keys: Sequence[bytes]) -> Sequence[bytes]:
    if isinstance(keys, (bytes, str)) or not isinstance(keys, Sequence) or not keys:
        raise SettingError(f"a key ring is {_RING}")
    for place, key in enumerate(keys, start=1):
        if type(key) is not bytes:
            raise SettingError(f"key {place} of the ring is a {type(key).__name__}; a ring is {_RING}")
        if len(key) != KEY_SIZE:
            raise SettingError(f"key {place} of the ring has {len(key)} bytes; a ring is {_RING}")
    return keys


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"sojourn seal\0" + key).digest()[:KEY_ID_SIZE]

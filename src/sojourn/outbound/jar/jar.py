"""Jar: the cookies of one session at a back end, and which of them a request carries."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from typing import Literal

import msgspec

from sojourn.errors import SettingError, StoreDamaged
from sojourn.outbound.jar.admission import Suffixes, admitted
from sojourn.outbound.jar.domains import Domains
from sojourn.outbound.jar.received import Standard, octets, received
from sojourn.outbound.jar.shelf import Shelf
from sojourn.outbound.jar.stored import Fact, Stored
from sojourn.outbound.jar.targets import Target, target_of

__all__ = ["Jar"]

_MOST_HEADERS = 256
_MOST_AT_ONCE = 1_000  # of one answer: the last ones, since 50 of a domain stay in any case


class _Packed(msgspec.Struct, array_like=True):
    cookies: list[Stored]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Packed)


class _Made:
    """A header that was made, and how long it holds."""

    __slots__ = ("cookies", "header", "until", "used_at")

    def __init__(self, cookies: list[Stored], until: float, now: float) -> None:
        pairs = [f"{cookie.name}={cookie.value}" if cookie.name else cookie.value for cookie in cookies]
        self.header = "; ".join(pairs) or None
        self.cookies = cookies
        self.until = until
        self.used_at = now


class Jar:
    """A client's store of cookies after RFC 6265bis, for requests that are all same-site.

    `now` is the time in seconds since 1970. What is wrong with a URL or a cookie is ignored, as the RFC asks: nothing
    raises. Threads and event loops may share a jar: a lock is held for each change and for each header that is made
    anew, never while waiting; a header that holds from before is read without.
    """

    __slots__ = ("_domains", "_lock", "_made", "_shelf", "_standard", "_suffixes")

    def __init__(
        self,
        *,
        suffixes: Suffixes | Literal["public"] | None = "public",
        domains: Domains | None = None,
        standard: Standard = "rfc6265bis",
    ) -> None:
        """Empty.

        `suffixes`: the domains that no cookie may be for. "public": those of the public suffix list. None: any, so
        that each cookie goes back to the host that set it and to no other. A function of your own gets a domain in its
        canonical form, and may be called by any thread. `domains`: our names for the domains that the back end says; a
        cookie may be for each of them. `standard`: "rfc6265" for a back end that cannot bear a cookie without a name.

        Raises `SettingError` where the list is not installed.
        """
        self._suffixes = _chosen(suffixes)
        self._domains = domains
        self._standard = standard
        self._lock = threading.Lock()
        self._shelf = Shelf()
        self._made: dict[Target, _Made] = {}

    def __repr__(self) -> str:
        return f"<Jar of {len(self)}>"

    def __len__(self) -> int:
        """How many there are, those included that have expired since the jar was last used."""
        return len(self._shelf)

    def __iter__(self) -> Iterator[Fact]:
        """What may be told of each, for a log."""
        with self._lock:
            cookies = list(self._shelf)
        return iter([cookie.fact() for cookie in cookies])

    def receive(self, url: str, set_cookies: Collection[str | bytes], *, now: float) -> bool:
        """Keep what the answer to a request set; whether that makes a difference.

        `url`: of the request. `set_cookies`: the values of its Set-Cookie headers, in order. Bytes, or str as
        `http.client` decodes them (latin-1).
        """
        if not set_cookies:
            return False
        target = target_of(url)
        if target is None:
            return False
        if len(set_cookies) > _MOST_AT_ONCE:
            set_cookies = list(set_cookies)[-_MOST_AT_ONCE:]
        cookies = [cookie for each in set_cookies if (cookie := self._read(each, target, now)) is not None]
        if not cookies:
            return False
        with self._lock:
            changed = self._shelf.expire(now)
            for cookie in cookies:
                if not cookie.secure and not target.secure and self._shelf.overlays(cookie):
                    continue
                changed |= self._shelf.put(cookie, now)
            if changed:
                self._forget()
                self._shelf.trim({cookie.domain for cookie in cookies})
        return changed

    def header(self, url: str, *, now: float) -> str | None:
        """The value of the Cookie header for a request to `url`, to be encoded as latin-1; None: it carries none."""
        target = target_of(url)
        return None if target is None else self._at(target, now).header

    def value(self, url: str, name: str, *, now: float) -> str | None:
        """The value of the first cookie of that name that `header` would send to `url`; None where there is none.

        For the tokens that are sent as a cookie and in another way, too.
        """
        target = target_of(url)
        cookies = () if target is None else self._at(target, now).cookies
        return next((cookie.value for cookie in cookies if cookie.name == name), None)

    def clear(self) -> None:
        """Drop all of them."""
        with self._lock:
            self._shelf = Shelf()
            self._made = {}

    def merge(self, theirs: Jar, *, since: Jar) -> None:
        """Have what `theirs` has, but for what was set or dropped here `since` then."""
        with theirs._lock:
            other = theirs._shelf.by_place()
        with since._lock:
            was = since._shelf.by_place()
        with self._lock:
            ours, shelf = self._shelf.by_place(), Shelf()
            places = {**other, **ours}
            for place in places:
                mine, before = ours.get(place), was.get(place)
                same = mine is before or (mine is not None and before is not None and mine.says(before))
                chosen = other.get(place) if same else mine
                if chosen is not None:
                    shelf.add(chosen)
            shelf.trim({domain for domain, _ in places})
            self._shelf = shelf
            self._made = {}

    def pack(self) -> bytes:
        """All of it, secrets included, for a store: MessagePack."""
        with self._lock:
            self._note_uses()
            return _encoder.encode(_Packed(list(self._shelf)))

    @classmethod
    def unpack(
        cls,
        data: bytes,
        *,
        suffixes: Suffixes | Literal["public"] | None = "public",
        domains: Domains | None = None,
        standard: Standard = "rfc6265bis",
    ) -> Jar:
        """What was packed, with the settings of `Jar`. Raises `StoreDamaged` for what is none."""
        return cls(suffixes=suffixes, domains=domains, standard=standard).like(data)

    def like(self, data: bytes | None = None) -> Jar:
        """Another one with these settings: empty, or with what was packed. Raises `StoreDamaged` for what was not."""
        jar = Jar(suffixes=self._suffixes, domains=self._domains, standard=self._standard)
        for cookie in _unpacked(data) if data is not None else ():
            if cookie.host_only or not jar._is_public(cookie.domain):  # the list may have grown since
                jar._shelf.add(cookie)
        return jar

    def _read(self, set_cookie: str | bytes, target: Target, now: float) -> Stored | None:
        text = octets(set_cookie)
        cookie = None if text is None else received(text, now, self._standard)
        if cookie is None:
            return None
        if self._domains is not None and cookie.domain:
            cookie = cookie._replace(domain=self._domains.virtual(cookie.domain))
        return admitted(cookie, target, self._is_public, now)

    def _is_public(self, domain: str) -> bool:
        """Whether no cookie may be for a domain. A virtual one is the word of who has named it."""
        return (self._domains is None or not self._domains.names(domain)) and self._suffixes(domain)

    def _at(self, target: Target, now: float) -> _Made:
        made = self._made.get(target)
        if made is not None and now < made.until:
            made.used_at = now
            return made
        with self._lock:
            if self._shelf.expire(now) or len(self._made) >= _MOST_HEADERS:
                self._forget()
            cookies = self._shelf.at(target)
            for cookie in cookies:
                cookie.accessed_at = now
            made = self._made[target] = _Made(cookies, self._shelf.expiry, now)
            return made

    def _forget(self) -> None:
        """Drop the headers: a new dict, since others read the old one without a lock."""
        self._note_uses()
        self._made = {}

    def _note_uses(self) -> None:
        for made in self._made.values():
            for cookie in made.cookies:
                cookie.accessed_at = max(cookie.accessed_at, made.used_at)


def _unpacked(data: bytes) -> list[Stored]:
    try:
        cookies = _decoder.decode(data).cookies
    except (msgspec.DecodeError, UnicodeError):
        cookies = None
    if cookies is None or not all(cookie.sendable for cookie in cookies):
        raise StoreDamaged("the cookies of a back end's session cannot be read; end that session")
    return cookies


def _chosen(suffixes: Suffixes | Literal["public"] | None) -> Suffixes:
    if suffixes is None:
        return _any
    if suffixes != "public":
        return suffixes
    try:
        from sojourn.outbound.jar.suffixes import is_public
    except ModuleNotFoundError:
        raise SettingError(
            "cookies need the public suffix list: pip install 'sojourn[outbound]'; Jar(suffixes=None), which sends "
            "each back to its own host only, does without"
        ) from None
    return is_public


def _any(_domain: str) -> bool:
    return True

"""Pending: what is told of a place while the store's answer about it is under way."""

from __future__ import annotations

from sojourn.store.near.entries import Place

__all__ = ["News", "Pending"]


class News:
    """What was told since one question was asked. Its answer may be older than that."""

    __slots__ = ("ended", "told", "version", "void")

    def __init__(self) -> None:
        """Nothing was told."""
        self.told = False
        self.version = 0  # the highest that was told
        self.ended = False
        self.void = False  # something may not have been told

    def allows(self, version: int) -> bool:
        """Whether an answer with that version is no older than what was told."""
        return not self.void and not self.ended and version >= self.version


class Pending:
    """The questions that are under way, by the places that they ask about. For one thread at a time."""

    def __init__(self) -> None:
        """No question is under way."""
        self._asked: dict[Place, set[News]] = {}

    def ask(self, place: Place) -> News:
        """A question is on its way to the store: gather the news until `answered`."""
        news = News()
        self._asked.setdefault(place, set()).add(news)
        return news

    def answered(self, place: Place, news: News) -> None:
        """The question of `news` is not under way any more."""
        asked = self._asked.get(place)
        if asked is not None:
            asked.discard(news)
            if not asked:
                del self._asked[place]

    def tell(self, place: Place, version: int, *, ended: bool) -> None:
        """`place` holds that version now, or nothing any more."""
        for news in self._asked.get(place, ()):
            news.told = True
            news.version = max(news.version, version)
            news.ended = news.ended or ended

    def void(self) -> None:
        """Something may have been missed: no answer that is under way can be relied upon later."""
        for asked in self._asked.values():
            for news in asked:
                news.void = True
        self._asked.clear()

"""A Cookie header that the application has set, and the one of the jar, as one."""

from __future__ import annotations

__all__ = ["merged"]


def merged(kept: str | None, given: str | None) -> str | None:
    """The header of the jar with the one set by hand: what was set by hand wins, and no name of it is there twice.

    `kept`: what `Jar.header` answered. `given`: what the application has set; of several of one name the last counts.
    It must be the application's own: one that was merged before would hold on to cookies that have changed since.
    """
    own = _by_name(given) if given else {}
    if not own:
        return kept
    if kept is None:
        return "; ".join(own.values())
    return "; ".join([pair for pair in kept.split("; ") if _name(pair) not in own] + list(own.values()))


def _by_name(header: str) -> dict[str, str]:
    pairs = (pair.strip(" \t") for pair in header.split(";"))
    return {_name(pair): pair for pair in pairs if pair}


def _name(pair: str) -> str:
    """The name of `name=value`, and nothing for a value alone, as in RFC 6265bis §5.6."""
    name, equals, _ = pair.partition("=")
    return name.strip(" \t") if equals else ""

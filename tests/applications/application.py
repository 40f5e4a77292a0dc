"""Application: something that others wrote, and how it is installed, set up, served and signed in to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["NAME", "PASSWORD", "STORE", "Application", "Door"]

NAME, PASSWORD = "ada@example.org", "correct-horse-7"
"""The user that each application is given, where it lets one choose."""

STORE = "SOJOURN_STORE"
"""The variable that holds the address of our store."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """One way to sign in, with what needs it behind. Paths are from the root."""

    name: str
    form: str
    """The page whose form signs in; what it hides, such as a token against forgery, is sent along."""
    fields: Mapping[str, str]
    page: str
    """Where only those come who are signed in."""
    mark: str
    """What that page shows them, and nobody else."""
    out: str
    """What signs out: a link, or a form, with what that hides."""
    out_method: str = "GET"
    out_page: str | None = None
    """Where that form is; None: on the page."""


@dataclass(frozen=True, kw_only=True)
class Application:
    """One application. In texts `{home}` is its own directory, and `{packages}` where it is installed."""

    name: str
    """On the package index."""
    framework: str
    own: str
    """Where it keeps its sessions by itself."""
    requirements: tuple[str, ...] = ()
    """What is installed besides, or in place of the newest version."""
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    """Commands that make its database and a user; programs are those of its installation."""
    server: str = "gunicorn"
    target: str
    """What the server is told to serve."""
    cookie: str
    """The name of its session cookie."""
    setting: str
    """The module `moved`: what it takes to move over."""
    moved_environment: Mapping[str, str] = field(default_factory=dict)
    moved_target: str | None = None
    moved_cookie: str | None = None
    """The name of the cookie after the move; None: as before."""
    renews: bool = False
    """Whether the session learns of a sign-in, so that it gets a new id; else the application has to say."""
    doors: tuple[Door, ...]

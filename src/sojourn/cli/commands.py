"""The commands and their options; what each does is a plain function elsewhere."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_args

import click

from sojourn.cli import sessions
from sojourn.cli.check import check
from sojourn.cli.mistake import Mistake
from sojourn.cli.outbound.commands import outbound
from sojourn.cli.serve import serve
from sojourn.cli.settings.chosen import DEFAULT_STORE, chosen
from sojourn.cli.settings.commands import settings
from sojourn.demo import DEMO
from sojourn.settings.durations import duration
from sojourn.store.outage import Outage

if TYPE_CHECKING:
    from collections.abc import Callable

_STORE = "Where sessions are kept: sqlite:///file.db, postgresql://…, valkey://…, redis://…"

__all__ = ["sojourn"]


class Duration(click.ParamType[timedelta]):
    """A time such as 90s, 30m, 12h, 7d or 1h30m."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it; refuse what is no time, and none at all."""
        if isinstance(value, timedelta):
            return value
        try:
            return duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="sojourn", message="%(prog)s %(version)s")
def sojourn() -> None:
    """HTTP sessions that survive the death of a worker."""


def _where(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that all serving has."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON lines."),
        click.option("--workers", default=2, help="How many server processes."),
        click.option("--port", default=8000, help="The port; 0 takes a free one."),
        click.option("--host", default="127.0.0.1", help="The address to listen at."),
    ):
        command = option(command)
    return command


sojourn.add_command(settings)
sojourn.add_command(outbound)


@sojourn.command("serve")
@click.argument("target", metavar="MODULE:APP")
@_where
@click.option("--settings", metavar="FILE", help="A sojourn.toml. Options come before it.", show_default="none")
@click.option("--store", help=_STORE, show_default=DEFAULT_STORE)
@click.option(
    "--app",
    help="Applications of different names share no session, also in one store.",
    show_default="the one in the settings",
)
@click.option("--https", is_flag=True, help="Something in front terminates TLS: use the Secure cookie.")
@click.option("--idle", type=Duration(), help="A session ends when unused for this long.", show_default="30m")
@click.option("--absolute", type=Duration(), help="A session ends at this age, used or not.", show_default="never")
@click.option("--limit", type=click.IntRange(min=1), help="Sessions that one principal may have.", show_default="any")
@click.option(
    "--save",
    type=click.Choice(["sync", "async"]),
    show_default="sync",
    help="Store changes before the response starts, or within seconds: what a killed worker had not stored is lost.",
)
@click.option(
    "--outage",
    type=click.Choice(get_args(Outage)),
    show_default="fail",
    help="What visitors get while the store is away: an error, the last copy for reading, or no session.",
)
@click.option(
    "--near/--no-near",
    default=None,
    show_default="near",
    help="Serve from memory what is known to be fresh; without, what ends is refused at once by all nodes.",
)
@click.option("--route", metavar="NAME", help="This node's name for a balancer that keeps visitors at theirs.")
@click.option("--metrics", metavar="[HOST:]PORT", help="Where Prometheus finds /metrics.", show_default="nowhere")
@click.option("--drain", type=Duration(), default="10s", help="How long a stop waits for requests in flight.")
@click.option("--skip", multiple=True, metavar="PATH", help="Paths that begin so have no session. Can be repeated.")
@click.option("--replace-sessions", is_flag=True, help="Put aside the application's own session middleware.")
def _serve(target: str, **options: Any) -> None:
    """Serve an ASGI application by several workers that share its sessions.

    MODULE is found from the current directory, APP is the application in it: shop:app.
    """
    sys.exit(serve(target, **options))


@sojourn.command("demo")
@_where
@click.option("--store", help=_STORE, show_default="a SQLite file that goes with the demo")
def _demo(store: str | None, **options: Any) -> None:
    """Serve a small shop whose cart survives `kill -9` of the worker that answers."""
    if not all(find_spec(name) for name in ("starlette", "jinja2", "python_multipart")):
        raise click.ClickException("the demo needs what is not installed: pip install 'sojourn[demo]'")
    os.environ[DEMO] = "1"  # the workers inherit it: their page has a button that kills them
    with tempfile.TemporaryDirectory(prefix="sojourn-") as directory:
        status = serve(
            "sojourn.demo.shop:app",
            store=store or f"sqlite:///{directory}/sessions.db",
            skip=("/static/", "/health"),
            **options,
        )
    sys.exit(status)


@sojourn.group("store")
def _store() -> None:
    """Stores, where sessions are kept."""


@_store.command("check")
@click.argument("target", metavar="URL")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.option("--verbose", is_flag=True, help="Show where a broken promise was found.")
def _check(target: str, **options: Any) -> None:
    """Try what every store promises against a live one.

    URL names a store, or MODULE:NAME a class or function of your own, which is called with clock=… for each promise.
    What is tried has a place of its own, which is removed in the end: a schema of the database, names under a prefix, a
    directory beside the file. What is there is not touched. Exit status 0: it keeps all promises; 1: it breaks one; 2:
    there was nothing to check.
    """
    sys.exit(check(target, **options))


@sojourn.group("sessions")
def _sessions() -> None:
    """Sessions that are stored: look at them, end them."""


def _of_application(command: Callable[..., int]) -> Callable[..., None]:
    """Give a command the options that say which sessions it is about."""

    @functools.wraps(command)
    def run(*, settings: str | None, app: str | None, store: str | None, **options: Any) -> None:
        try:
            found = chosen(settings, app, {"store": store})
            status = command(url=found.store, app=found.app, **options)
        except Mistake as mistake:
            raise click.UsageError(str(mistake)) from None
        sys.exit(status)

    wrapped: Callable[..., None] = run
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--app", help="The application's name.", show_default="the one in the settings"),
        click.option("--store", help=_STORE, show_default=DEFAULT_STORE),
        click.option("--settings", metavar="FILE", help="A sojourn.toml.", show_default="none"),
    ):
        wrapped = option(wrapped)
    return wrapped


@_sessions.command("list")
@_of_application
@click.option("--principal", help="Those of this principal.")
@click.option("--node", help="Those that this process wrote last.")
@click.option("--unused", type=Duration(), help="Those that were not used for this long.")
@click.option("--limit", type=click.IntRange(min=1), default=100, help="How many, at most.")
@click.option("--after", default="", metavar="REF", help="Those after this one, for the next page.", show_default=False)
def _list(**options: Any) -> int:
    """List live sessions, by their public names."""
    return sessions.list_all(**options)


@_sessions.command("show")
@_of_application
@click.argument("ref")
def _show(**options: Any) -> int:
    """Show one session: its times, and the names of its attributes without their values."""
    return sessions.show(**options)


@_sessions.command("end")
@_of_application
@click.argument("refs", metavar="[REF]...", nargs=-1)
@click.option("--principal", help="All sessions of this principal.")
def _end(**options: Any) -> int:
    """End sessions, at once and on all nodes. One of the nodes announces it to its listeners when it sweeps."""
    return sessions.end(**options)

"""`outbound trace`, and its options."""

from __future__ import annotations

import sys
from typing import Any

import click

from sojourn.cli.mistake import Mistake
from sojourn.cli.outbound.trace import DIALECTS, trace

__all__ = ["outbound"]


@click.group("outbound")
def outbound() -> None:
    """Back ends: how a session there is begun, reused and closed."""


@outbound.command("trace")
@click.argument("url")
@click.argument("calls", nargs=-1, metavar="[CALL]...")
@click.option(
    "--user", help="Who signs in. The password: SOJOURN_OUTBOUND_PASSWORD, or asked for.", show_default="nobody"
)
@click.option(
    "--bearer", is_flag=True, help="The password is a bearer token, and the user a name for it.", show_default=False
)
@click.option(
    "--csrf",
    type=click.Choice(list(DIALECTS)),
    help="The dialect of its tokens; the page that has them is URL.",
    show_default="none",
)
@click.option("--reuse", type=click.Choice(["none", "exchange"]), default="exchange", help="What shares a session.")
@click.option("--logout", metavar="PATH", help="What closes a session.", show_default="it is left to expire")
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False),
    help="Certificates of whom to trust, in PEM.",
    show_default="whom the system trusts",
)
@click.option(
    "--proxy",
    metavar="URL",
    envvar="SOJOURN_OUTBOUND_PROXY",
    help="By which all goes, as http://user:password@proxy.example:3128. Others see what is in a command: where there "
    "is a password, say it in SOJOURN_OUTBOUND_PROXY.",
    show_default="none",
)
@click.option("--timeout", type=click.FloatRange(min=0.1), default=30.0, help="Seconds for each call.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.password_option(
    "--password",
    envvar="SOJOURN_OUTBOUND_PASSWORD",
    prompt=False,
    confirmation_prompt=False,
    hidden=True,
    expose_value=True,
)
def _trace(**options: Any) -> None:
    """Call a back end, and show which cookies came and went.

    CALL is a path, relative to URL, with a method before it where it is not GET: "POST orders". Without any, URL is
    asked for twice. Cookies are shown by their names and by a hash of their values: what is equal is equal, and no more
    can be learned. The hashes of two runs are equal where SOJOURN_OUTBOUND_KEY is.
    """
    if options["user"] is not None and options["password"] is None:
        options["password"] = click.prompt("Password", hide_input=True, err=True)
    try:
        status = trace(**options)
    except Mistake as mistake:
        raise click.UsageError(str(mistake)) from None
    sys.exit(status)

"""A fake back end in a process of its own: `python -m sojourn.testing.backend --port 8080 csrf=fetch idle=5`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from dataclasses import fields

import msgspec

from sojourn.cli.mistake import Mistake
from sojourn.errors import SettingError
from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.started import Started, check_installed

__all__ = ["main"]


def main() -> int:
    """Serve until told to stop; return the exit status: 2 for a mistake of the user, told in one line."""
    given = _parser().parse_args()
    try:
        check_installed()
        from sojourn.testing.backend.server.process import serve  # granian is there

        behaviour = msgspec.json.decode(sys.stdin.readline(), type=Behaviour) if given.held else _read(given.settings)
        asyncio.run(
            serve(behaviour, given.host, given.port, _tell_program if given.held else _tell_person, held=given.held)
        )
    except (Mistake, SettingError, msgspec.MsgspecError) as mistake:
        sys.stderr.write(f"fake back end: {mistake}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(field.name for field in fields(Behaviour))
    parser = argparse.ArgumentParser(
        prog="python -m sojourn.testing.backend",
        description="A picky back end, to try a client against.",
        epilog=f"NAME is a field of sojourn.testing.Behaviour: {names}. Several values are separated by commas.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="0 for a free one (default: %(default)s)")
    parser.add_argument(
        "--held", action="store_true", help=argparse.SUPPRESS
    )  # by the process at the other end of stdin
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="how it behaves")
    return parser


def _read(settings: list[str]) -> Behaviour:
    """Behaviour as NAME=VALUE; raise `SettingError`, or that of msgspec for a value of another type."""
    types = {field.name: str(field.type) for field in fields(Behaviour)}
    given: dict[str, object] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or name not in types:
            raise SettingError(f"{setting!r} is no setting; give NAME=VALUE, where --help lists the names")
        several = types[name].startswith("tuple")
        optional = "None" in types[name] and value == "none"
        given[name] = value.split(",") if several else None if optional else value
    return msgspec.convert(given, Behaviour, strict=False)


def _tell_person(started: Started) -> None:
    sys.stdout.write(
        f"A fake back end serves\n  url      {started.url}\n"
        f"  counts   {started.control}counts\n  orders   {started.control}orders\n"
    )
    sys.stdout.flush()


def _tell_program(started: Started) -> None:
    sys.stdout.write(msgspec.json.encode(started).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Without taking the interpreter down: a thread of granian's that calls into it at that moment aborts the process.
    os._exit(status)

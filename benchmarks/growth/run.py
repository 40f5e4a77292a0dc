"""Growth: what becomes of each store with more and more sessions in it. Keeps the figures and draws them when asked."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from benchmarks.growth.measuring import Figures
from benchmarks.growth.near import near
from benchmarks.growth.page import page
from benchmarks.growth.plot import plot
from benchmarks.stores import Stores

__all__ = ["STORES", "main"]

STORES = ("memory", "sqlite", "postgres", "valkey")
HERE = Path(__file__).parent.parent
KEPT = HERE / "growth.json"


class Kept(msgspec.Struct):
    """All that was seen, in this run and in those before."""

    near: float = 0
    """Bytes of a session in a near cache."""
    figures: list[Figures] = []

    def add(self, seen: Figures) -> None:
        """In the place of what was seen before of this store and size."""
        others = [each for each in self.figures if (each.store, each.sessions) != (seen.store, seen.sessions)]
        self.figures = sorted([*others, seen], key=lambda each: (STORES.index(each.store), each.sessions))


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000", help="stored sessions, with commas between them")
    parser.add_argument("--stores", default=",".join(STORES), help="with commas between them")
    parser.add_argument("--write", action="store_true", help="keep the figures in benchmarks/, and draw them")
    options = parser.parse_args()
    stores, sizes = options.stores.split(","), [int(each) for each in options.sizes.split(",")]
    if unknown := set(stores) - set(STORES):
        parser.error(f"there is no store {', '.join(sorted(unknown))}: {', '.join(STORES)}")
    kept = msgspec.json.decode(KEPT.read_bytes(), type=Kept) if options.write and KEPT.exists() else Kept()
    with tempfile.TemporaryDirectory(prefix="sojourn-growth-") as directory:
        kept.near = asyncio.run(near(Path(directory)))
        for seen in measured(stores, sizes, Path(directory)):
            kept.add(seen)
            if options.write:
                KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    text = page(kept.figures, kept.near)
    print(text)
    if options.write:
        (HERE / "GROWTH.md").write_text(text)
        plot(kept.figures, HERE / "growth.png")
    return 0


def measured(stores: Sequence[str], sizes: Sequence[int], directory: Path) -> Iterator[Figures]:
    """The figures of each store and size, one after another. Each is measured in a process of its own."""
    with Stores(directory, os.sched_getaffinity(0)) as servers:
        for store in stores:
            for size in sizes:
                print(f"\n{store}, {size:,} sessions", file=sys.stderr)
                with _emptied(servers, store, f"growth_{size}", directory) as address:
                    yield _measured(store, address, size, directory / "figures.json")


def _measured(store: str, address: str, size: int, file: Path) -> Figures:
    command = [sys.executable, "-m", "benchmarks.growth.measuring", store, address, str(size), str(file)]
    subprocess.run(command, check=True)
    return msgspec.json.decode(file.read_bytes(), type=Figures)


@contextlib.contextmanager
def _emptied(servers: Stores, store: str, name: str, directory: Path) -> Iterator[str]:
    """The address of an empty store, whose sessions are removed in the end."""
    address = servers.address(store, name)
    try:
        yield f"{address}?entries=100000000" if store == "memory" else address
    finally:
        if store == "valkey":
            servers.valkey.client().flushall()
        elif store == "postgres":
            asyncio.run(_dropped(servers.postgres.url, name))
        for file in directory.glob(f"{name}.db*"):
            file.unlink()


async def _dropped(url: str, schema: str) -> None:
    connection: Any = await asyncpg.connect(url)
    try:
        await connection.execute(f"drop schema if exists {schema} cascade")
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main())

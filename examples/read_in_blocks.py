"""A service that keeps a cursor in the session: block after block, and the cursors of two messages never mix.

python examples/read_in_blocks.py URL USER PASSWORD
"""

from __future__ import annotations

import asyncio
import sys

from sojourn.errors import SessionLost
from sojourn.outbound import Backend, Logout


async def read(service: Backend) -> list[int]:
    """Read all rows, in one exchange: one message, one session."""
    rows: list[int] = []
    async with service.exchange() as http:
        block = (await http.get("rows")).raise_for_status().json()
        rows += block["rows"]
        while block["more"]:
            block = (await http.get("rows?next")).raise_for_status().json()
            rows += block["rows"]
    return rows


async def read_again(service: Backend, times: int = 3) -> list[int]:
    """Read all rows, from the start where the service has lost the session in the middle."""
    for _ in range(times - 1):
        try:
            return await read(service)
        except SessionLost:
            continue
    return await read(service)


async def main(url: str, user: str, password: str) -> None:
    """Two messages at once."""
    service = Backend(url, reuse="exchange", stateful=True, auth=(user, password), closing=Logout())
    for rows in await asyncio.gather(read_again(service), read_again(service)):
        sys.stdout.write(f"{len(rows)} rows\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))

"""An order with many items, each posted to a receiver that asks for tokens: one sign-in, one token, one session.

    python examples/split_order.py URL USER PASSWORD [ITEMS]

The token is fetched before the items are sent side by side, as one would model it elsewhere. It need not be: without
that call the first item fetches it, and the others wait.
"""

from __future__ import annotations

import asyncio
import sys

from sojourn.outbound import Backend, Logout


async def send(number: int, items: list[object], url: str, user: str, password: str) -> int:
    """Send the items of an order, each on its own, and return how many the receiver took."""
    receiver = Backend(url, reuse="exchange", auth=(user, password), csrf=True, closing=Logout())
    exchange = receiver.exchange()
    async with exchange.aiohttp() as http:
        async with http.head("orders", headers={"X-CSRF-Token": "Fetch"}) as answer:
            answer.raise_for_status()

        async def post(item: object) -> int:
            async with http.post("orders", json={"order": number, "item": item}) as answer:
                answer.raise_for_status()
                return answer.status

        return len(await asyncio.gather(*map(post, items)))


if __name__ == "__main__":
    address, name, secret, *rest = sys.argv[1:]
    parts: list[object] = list(range(int(rest[0]) if rest else 1000))
    taken = asyncio.run(send(7, parts, address, name, secret))
    sys.stdout.write(f"{taken} items taken\n")

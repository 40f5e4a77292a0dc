"""A stateless service, many messages in a short time: all of them share one session, and none signs in again.

python examples/many_messages.py URL USER PASSWORD [MESSAGES]
"""

from __future__ import annotations

import asyncio
import sys

from sojourn.outbound import Backend, Limits, Logout


async def handle(service: Backend, message: int) -> int:
    """One message, one call."""
    async with service.exchange() as http:
        answer = await http.put(f"orders/{message}", json={"message": message})
        return answer.raise_for_status().status_code


async def main(url: str, user: str, password: str, messages: int) -> None:
    """All of them, no more than twenty calls at a time."""
    service = Backend(url, reuse="flow", auth=(user, password), closing=Logout(), limits=Limits(calls=20))
    async with service:  # keeps the connections, and closes the session at the end
        done = await asyncio.gather(*(handle(service, message) for message in range(messages)))
    sys.stdout.write(f"{len(done)} messages handled\n")


if __name__ == "__main__":
    address, name, secret, *rest = sys.argv[1:]
    asyncio.run(main(address, name, secret, int(rest[0]) if rest else 100))

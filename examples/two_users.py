"""Two calls in one message as two users, who may see different things: two sessions, or none at all.

python examples/two_users.py URL USER PASSWORD USER PASSWORD
"""

from __future__ import annotations

import sys

from sojourn.outbound import Backend, Basic


def names(service: Backend, first: Basic, second: Basic) -> list[str]:
    """Ask as whom the service sees us."""
    exchange = service.exchange(auth=first)
    with exchange as as_first, exchange.signed_in_as(second) as as_second:
        return [http.get("me").raise_for_status().json()["user"] for http in (as_first, as_second, as_first)]


if __name__ == "__main__":
    address, *credentials = sys.argv[1:6]
    users = Basic(*credentials[:2]), Basic(*credentials[2:])
    for reuse in ("exchange", "none"):
        seen = names(Backend(address, reuse=reuse), *users)
        sys.stdout.write(f"{reuse}: {', '.join(seen)}\n")

"""Stores that need a server, each fresh and empty."""

from __future__ import annotations

from tests.fixtures.postgres import postgres_address, postgres_url, postgres_urls
from tests.fixtures.valkeys import valkey_address, valkey_prefix, valkey_server, valkey_url

__all__ = [
    "postgres_address",
    "postgres_url",
    "postgres_urls",
    "valkey_address",
    "valkey_prefix",
    "valkey_server",
    "valkey_url",
]

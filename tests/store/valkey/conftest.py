"""Servers for all tests of this folder."""

from __future__ import annotations

from tests.fixtures.valkeys import (
    certificates,
    redis_server,
    tls_server,
    valkey_address,
    valkey_cluster,
    valkey_prefix,
    valkey_server,
    valkey_url,
)

__all__ = [
    "certificates",
    "redis_server",
    "tls_server",
    "valkey_address",
    "valkey_cluster",
    "valkey_prefix",
    "valkey_server",
    "valkey_url",
]

"""The clients and servers of the drivers' tests."""

from tests.outbound.drivers.conftest import client, fake, running, server

__all__ = ["client", "fake", "running", "server"]

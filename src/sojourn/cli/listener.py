"""The one listening socket that all workers accept from."""

from __future__ import annotations

import errno
import ipaddress
import socket

from sojourn.cli.mistake import Mistake

__all__ = ["is_loopback", "listen", "listen_at", "url_of"]

_BACKLOG = 2048


_OPTIONS = ("--host", "--port")


def listen_at(address: str, option: str) -> socket.socket:
    """As `listen`, at `[HOST:]PORT`: without a host, on the loopback. `option`: where the user gave it."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise Mistake(f"{address!r} is no address; give {option} a PORT, or HOST:PORT")
    return listen(host.strip("[]") or "127.0.0.1", int(port), (option, option))


def listen(host: str, port: int, options: tuple[str, str] = _OPTIONS) -> socket.socket:
    """Bind and listen, before any worker is there: what arrives waits in the queue of this socket, whoever dies.

    `options`: where the user gave the host and the port.
    """
    if not 0 <= port <= 65535:
        raise Mistake(f"port {port} does not exist; give {options[1]} one from 1 to 65535, or 0 for a free one")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise Mistake(f"host {host!r} is unknown; give {options[0]} an address of this machine, as 127.0.0.1") from None
    listener = socket.socket(family, kind, protocol)
    try:
        # So that a restart need not wait for the old connections' last minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise Mistake(_why(error, host, port, options)) from None
    listener.settimeout(0)  # the workers' event loops wait, not their accept
    return listener


def _why(error: OSError, host: str, port: int, options: tuple[str, str]) -> str:
    for_host, for_port = options
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} of {host} is taken; stop what listens there or give another {for_port}"
        case errno.EACCES:
            return f"port {port} is not allowed for this user; give a {for_port} from 1024 up"
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine; give another {for_host}, as 127.0.0.1"
        case _:
            return f"cannot listen at {host}, port {port}: {error.strerror}; give another {for_host} or {for_port}"


def url_of(listener: socket.socket) -> str:
    """Say where a browser finds it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(listener: socket.socket) -> bool:
    """Tell whether only this machine can reach it."""
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback

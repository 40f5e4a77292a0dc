"""A back end, or a proxy, that answers octets: what no server of HTTP would."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

Answer = Callable[[bytes], Iterable[bytes]]
"""Of the path that is asked for, or of what a tunnel is asked to, what is sent piece by piece."""

END = b""
"""A piece after which the connection is closed."""


class Octets:
    """Serves on a free port of the loopback, each connection in a thread, as `with`."""

    def __init__(self, answer: Answer) -> None:
        """`answer`: what is sent."""
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.authority = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.url = f"http://{self.authority}/"
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while head := connection.recv(1 << 16):
                    for piece in self._answer(head.split(b" ")[1]):
                        if piece == END:
                            return
                        connection.sendall(piece)
            except OSError:
                return

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join()
        self._listening.close()

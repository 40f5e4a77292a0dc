"""A small server of the tests' own that answers what it is told to, for any host: it plays proxy and origin at once."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Asked:
    """A request as it came in. Names of headers are in lower case; values are octets."""

    method: str
    url: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes

    def all(self, name: str) -> list[bytes]:
        return [value for each, value in self.headers if each == name]


@dataclass(frozen=True)
class Reply:
    """What is answered, octet by octet. `chunks`: the body in pieces, each sent when it is there."""

    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    chunks: Iterable[bytes] | None = None


@dataclass
class Log:
    """What came."""

    connections: int = 0
    closed: int = 0
    asked: list[Asked] = field(default_factory=list)


class Server:
    """Serves on a free port of the loopback, each connection in a thread. `answer` may be replaced at any time."""

    def __init__(self, answer: Callable[[Asked], Reply], tls: ssl.SSLContext | None = None) -> None:
        """`tls`: for what is asked through CONNECT."""
        self.answer = answer
        self.tls = tls
        self.log = Log()
        self.news = threading.Condition()
        server = self

        class Handler(_Handler):
            of = server

        self._server = _Threads(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def reset(self) -> None:
        self.log = Log()

    def wait_closed(self) -> None:
        """Wait until each connection is closed."""
        with self.news:
            assert self.news.wait_for(lambda: self.log.closed == self.log.connections, 5)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may go away at any time."""


class _Handler(BaseHTTPRequestHandler):
    of: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.of.log.connections += 1
        self.prefix = ""

    def do_CONNECT(self) -> None:
        assert self.of.tls is not None
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        self.connection = self.request = self.of.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)
        self.prefix = f"https://{self.path.removesuffix(':443')}"
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        self.request.close()
        with self.of.news:
            self.of.log.closed += 1
            self.of.news.notify_all()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as http.server has it
        """Tests are quiet."""

    def serve(self) -> None:
        headers = tuple((name.lower(), value.encode("latin-1")) for name, value in self.headers.items())
        asked = Asked(self.command, self.prefix + self.path, headers, self._body())
        self.of.log.asked.append(asked)
        reply = self.of.answer(asked)
        self.wfile.write(f"HTTP/1.1 {reply.status} Said\r\n".encode())
        for name, value in reply.headers:
            self.wfile.write(name + b": " + value + b"\r\n")
        if reply.chunks is not None:
            self.wfile.write(b"Transfer-Encoding: chunked\r\n\r\n")
            for chunk in reply.chunks:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            self.wfile.write(b"0\r\n\r\n")
            return
        length = b"" if reply.status in (204, 304) else b"Content-Length: %d\r\n" % len(reply.body)
        self.wfile.write(length + b"\r\n" + (b"" if self.command == "HEAD" else reply.body))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = serve  # noqa: N815 - as above

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

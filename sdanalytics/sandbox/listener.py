"""One of the sandbox's two listeners: HTTP over sockets, with scripted faults."""

from __future__ import annotations

import contextlib
import io
import math
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from werkzeug.routing import Map
from werkzeug.wrappers import Request, Response

from sdanalytics.sandbox.router import Router
from sdanalytics.sandbox.scripting import ScriptedResponse

_HOST: Final = "127.0.0.1"
_MAX_REQUEST_LINE: Final = 1 << 14
"""Bytes."""
_UNPREFIXED_HEADERS: Final = ("CONTENT_TYPE", "CONTENT_LENGTH")
"""Headers that WSGI names without ``HTTP_``."""
_TRICKLE_CHUNKS: Final = 20
"""Chunks in which a response trickles."""
_LINGER_FORMAT: Final = "hh" if os.name == "nt" else "ii"
_NO_LINGER: Final = struct.pack(_LINGER_FORMAT, 1, 0)
"""Linger for zero seconds: closing the connection then sends a reset."""


class Listener(ThreadingHTTPServer):
    """Listens at one port until it is stopped.

    Attributes
    ----------
    router : Router
    routes : werkzeug.routing.Map
        The operations that are served here.
    port : int
    url : str
    """

    def __init__(self, port: int, router: Router, routes: Map) -> None:
        address = (_HOST, port)
        super().__init__(address, _RequestHandler, bind_and_activate=False)
        self.router = router
        self.routes = routes
        self._connections: set[Any] = set()
        self.socket.close()
        self.socket = socket.create_server(address)
        self.port: int = self.socket.getsockname()[1]
        self.url = f"http://{_HOST}:{self.port}"
        self._running, self._until_stopped = socket.socketpair()
        self._serving = threading.Thread(target=self._accept_connections, daemon=True)
        self._serving.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection while it is open."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def stop(self, *, keep: socket.socket | None = None) -> None:
        """Stop listening, and end all connections except `keep`."""
        with contextlib.suppress(OSError):  # it was stopped before
            self._running.shutdown(socket.SHUT_RDWR)
        self._running.close()
        self._serving.join()
        self.server_close()
        ended = self._connections - {keep}
        for connection in ended:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept_connections(self) -> None:
        """Accept connections until the other end of a pair of sockets is shut down."""
        with self._until_stopped, selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            selector.register(self._until_stopped, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if self._until_stopped in ready:
                    return
                with contextlib.suppress(OSError):  # the client has left
                    self.process_request(*self.get_request())


class _RequestHandler(BaseHTTPRequestHandler):
    """Hands the requests of a connection to the router, one after the other; prints nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client has left
            super().handle()

    def handle_one_request(self) -> None:
        received = self.connection.recv(_MAX_REQUEST_LINE, socket.MSG_PEEK)
        method, path = _parse_request_line(received)
        server = self.server
        scripted = server.router.preempt(server.routes, method, path)
        if scripted is None:
            super().handle_one_request()
        else:
            _sleep(scripted.delay)
            self._end_connection(reset=True)

    def do_GET(self) -> None:
        # The body is read completely before the response, so that the connection can be reused.
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError
        request = Request(self._build_environ(body))
        server = self.server
        response, scripted = server.router.handle(server.routes, request)
        _sleep(scripted.delay)
        if scripted.then_stop:
            server.stop(keep=self.connection)
        if response is not None:
            message = _encode_response(response, request, scripted)
            chunks = _trickle(message, scripted.trickle)
            for chunk in chunks:
                self.connection.sendall(chunk)
        if scripted.ends_connection:
            self._end_connection(reset=scripted.reset)

    do_POST = do_GET
    do_DELETE = do_GET

    def _build_environ(self, body: bytes) -> dict[str, Any]:
        """Return the request as WSGI describes it (PEP 3333), as far as werkzeug reads it."""
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
        }
        for header, value in self.headers.items():
            name = header.upper().replace("-", "_")
            if name not in _UNPREFIXED_HEADERS:
                name = f"HTTP_{name}"
            environ[name] = value
        return environ

    def _end_connection(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            descriptor = self.connection.detach()
            socket.close(descriptor)  # before it is shut down in good order


def _sleep(seconds: float) -> None:
    """Sleep, unless for 0 seconds: that would still give up the processor."""
    if seconds:
        time.sleep(seconds)


def _parse_request_line(received: bytes) -> tuple[str, str]:
    """Return the method and the path of a request that has just begun to arrive."""
    line, _, _ = received.partition(b"\r\n")
    text = line.decode("latin-1")
    method, _, rest = text.partition(" ")
    target, _, _ = rest.partition(" ")
    return method, urlsplit(target).path


def _encode_response(response: Response, request: Request, scripted: ScriptedResponse) -> bytes:
    """Return the bytes of a response, truncated where that is scripted."""
    parts, status, headers = response.get_wsgi_response(request.environ)
    body = b"".join(parts)
    encoding = response.headers.get("Transfer-Encoding")
    is_chunked = encoding == "chunked"
    if is_chunked:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    lines = [f"HTTP/1.1 {status}"]
    for name, value in headers:
        if not (is_chunked and name == "Content-Length"):
            lines.append(f"{name}: {value}")
    if scripted.then_stop:
        lines.append("Connection: close")
    lines += ["", ""]
    head = "\r\n".join(lines)
    sent_body = body[: scripted.truncate_at]
    return head.encode("latin-1") + sent_body


def _trickle(message: bytes, seconds: float) -> Iterator[bytes]:
    """Yield a message at once or, if `seconds` is not 0, in chunks over that time."""
    if not seconds:
        yield message
        return
    size = math.ceil(len(message) / _TRICKLE_CHUNKS)
    interval = seconds / _TRICKLE_CHUNKS
    for start in range(0, len(message), size):
        end = start + size
        time.sleep(interval)
        yield message[start:end]

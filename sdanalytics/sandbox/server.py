"""The sandbox's two listeners: the API's and storage's."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, cast
from urllib.parse import urlsplit

from werkzeug.routing import Map
from werkzeug.wrappers import Request, Response

from sdanalytics._core.clock import Clock
from sdanalytics.api.auth import Credentials
from sdanalytics.api.client import Client
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import Api
from sdanalytics.sandbox.report_store import Content, Report
from sdanalytics.sandbox.router import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Router
from sdanalytics.sandbox.scripting import RecordedRequest, ScriptedResponse
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS

_HOST: Final = "127.0.0.1"
_LONGEST_LINE: Final = 1 << 14
_DRIPS: Final = 20
"""Pieces in which an answer trickles."""
_RESETS: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""Linger for no time: what closing the connection sends is a reset."""


class _Listener(ThreadingHTTPServer):
    """What listens at one address, and whoever is connected to it."""

    def __init__(self, port: int, service: Router, routes: Map) -> None:
        super().__init__((_HOST, port), _Handler, bind_and_activate=False)
        self.service = service
        self.routes = routes
        self._connected: set[Any] = set()
        self.socket.close()
        self.socket = socket.create_server((_HOST, port))
        self.port: int = self.socket.getsockname()[1]
        threading.Thread(target=self.serve_forever, args=[0.02], daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connected.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connected.discard(request)
        super().shutdown_request(request)

    def leave(self, *, but: socket.socket | None = None) -> None:
        """Stop listening, and drop what is connected (`but` one)."""
        self.shutdown()
        self.server_close()
        for connection in self._connected - {but}:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Hands the requests of a connection to the service, and its answers back; prints nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # whoever asked has left
            super().handle()

    def handle_one_request(self) -> None:
        line = self.connection.recv(_LONGEST_LINE, socket.MSG_PEEK).partition(b"\r\n")[0]
        method, _, target = line.decode("latin-1").partition(" ")
        path = urlsplit(target.partition(" ")[0]).path
        answer = self.server.service.unread(self.server.routes, method, path)
        if answer is None:
            super().handle_one_request()
        else:
            time.sleep(answer.after)
            self._end(reset=True)

    def do_GET(self) -> None:
        # Read whole before any answer, so that the connection can go on.
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request.from_values(
            self.path, method=self.command, headers=self.headers.items(), data=body
        )
        response, answer = self.server.service.answer(self.server.routes, request)
        time.sleep(answer.after)
        if answer.last:
            self.server.leave(but=self.connection)
        if response is not None:
            for piece in _pieces(_on_the_wire(response, request, answer), answer.drip):
                self.connection.sendall(piece)
        if answer.ends:
            self._end(reset=answer.reset)

    do_POST = do_GET
    do_DELETE = do_GET

    def _end(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETS)
            socket.close(self.connection.detach())  # before anybody says goodbye on it


def _on_the_wire(response: Response, request: Request, answer: ScriptedResponse) -> bytes:
    parts, status, headers = response.get_wsgi_response(request.environ)
    body = b"".join(parts)
    if response.headers.get("Transfer-Encoding") == "chunked":
        headers = [(name, value) for name, value in headers if name != "Content-Length"]
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    if answer.last:
        headers.append(("Connection", "close"))
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "\r\n"]
    return "\r\n".join(lines).encode("latin-1") + body[: answer.cut]


def _pieces(wire: bytes, drip: float) -> Iterator[bytes]:
    """All of it at once, or in pieces over so many seconds."""
    size = -(-len(wire) // _DRIPS) if drip else len(wire)
    for start in range(0, len(wire), size):
        time.sleep(drip / _DRIPS)
        yield wire[start : start + size]


class Sandbox:
    """A running sandbox (see `start`).

    Attributes
    ----------
    base_url, token_url, storage_url : str
    settings : Settings
    """

    def __init__(self, settings: Settings, port: int = 0) -> None:
        self.settings = settings
        self._service = Router(settings)
        self._api = _listener(port, self._service, self._service.api)
        self._storage = _listener(0, self._service, self._service.s3)
        self.base_url = f"http://{_HOST}:{self._api.port}"
        self.token_url = f"{self.base_url}/auth/o2/token"
        self.storage_url = f"http://{_HOST}:{self._storage.port}"
        self._service.v2.url, self._service.depot.url = self.base_url, self.storage_url

    def __repr__(self) -> str:
        return f"Sandbox({self.base_url!r})"

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def client(self) -> Client:
        """A new client for the first advertiser (a seller in the US)."""
        return self.client_for(self.profile_ids[0])

    @property
    def profile_ids(self) -> list[int]:
        """The advertisers: a seller in the US, a vendor in Germany, a seller in Japan."""
        return list(ADVERTISERS)

    def client_for(
        self, profile_id: int, clock: Clock | None = None, api: str | None = None
    ) -> Client:
        """A new client for one of the advertisers, that speaks `api` (see `Client`).

        By default that of ``SDANALYTICS_API``, so that what runs here runs in either version.
        """
        credentials = Credentials(CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN)
        return Client(
            credentials,
            profile_id,
            base_url=self.base_url,
            token_url=self.token_url,
            api=cast("Api | None", api or os.environ.get("SDANALYTICS_API")),
            clock=clock,
        )

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables under which `Client.from_env` comes here."""
        return {
            "SDANALYTICS_CLIENT_ID": CLIENT_ID,
            "SDANALYTICS_CLIENT_SECRET": CLIENT_SECRET,
            "SDANALYTICS_REFRESH_TOKEN": REFRESH_TOKEN,
            "SDANALYTICS_PROFILE_ID": str(self.profile_ids[0]),
            "SDANALYTICS_BASE_URL": self.base_url,
            "SDANALYTICS_TOKEN_URL": self.token_url,
        }

    @property
    def today(self) -> date:
        """Today where the first advertiser is."""
        return ADVERTISERS[self.profile_ids[0]].today(self.settings.now())

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every request so far."""
        return list(self._service.log)

    @property
    def reports(self) -> dict[str, Report]:
        """Every report that was asked for, by its id."""
        return self._service.depot.reports

    def count(self, operation: str) -> int:
        """How many requests of an operation there were.

        Operations are ``token`` and ``profiles``; of version 2 ``request_report``,
        ``get_report_status`` and ``download_report``; of version 3 ``create_report``,
        ``get_report``, ``delete_report`` and ``campaigns``; and ``storage``.
        """
        return sum(exchange.operation == operation for exchange in self._service.log)

    def script_responses(self, operation: str, *answers: ScriptedResponse) -> None:
        """Let the next exchanges of an operation go so, one each."""
        self._service.arranged.setdefault(operation, deque()).extend(answers)

    def clear_script(self) -> None:
        """Forget what was arranged and has not happened yet."""
        self._service.arranged.clear()

    def revoke_tokens(self) -> None:
        """Make every access token invalid that was given out."""
        self._service.gate.revoke_tokens()

    def set_content(self, content: Content) -> None:
        """Fill reports asked for from now on by `content(report)`: rows, or a raw payload.

        Where it gives None the sandbox's own rows are taken.
        """
        self._service.depot.content = content

    def resume_listening(self) -> None:
        """Listen again at the API's address, after an answer that was the last."""
        self._api.leave()
        self._api = _listener(self._api.port, self._service, self._service.api)

    def stop(self) -> None:
        """Stop listening, and drop what is connected."""
        for listener in (self._api, self._storage):
            listener.leave()


def _listener(port: int, service: Router, routes: Map) -> _Listener:
    if not isinstance(port, int) or not 0 <= port < 1 << 16:
        raise InvalidRequest(f"port={port!r} is no port: a number from 1 to 65535, 0 for any free")
    try:
        return _Listener(port, service, routes)
    except OSError as error:
        raise InvalidRequest(
            f"port {port} cannot be had; choose another, or 0 for any that is free"
        ) from error

"""The sandbox's two listeners: the API's and storage's."""

from __future__ import annotations

import socket
import threading
from collections import deque
from datetime import date
from types import TracebackType
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from sdanalytics.api.auth import Credentials
from sdanalytics.api.client import Client
from sdanalytics.clock import Clock
from sdanalytics.errors import InvalidRequest
from sdanalytics.sandbox.account import ADVERTISERS
from sdanalytics.sandbox.service import (
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    Answer,
    Content,
    Exchange,
    Report,
    Service,
    Settings,
)

_HOST = "127.0.0.1"


class _Handler(WSGIRequestHandler):
    """Speaks HTTP/1.1, answers at once, and prints nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        pass

    def log_error(self, format: str, *args: Any) -> None:
        pass

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        self.close_connection = True


class Sandbox:
    """A running sandbox (see `start`).

    Attributes
    ----------
    base_url, token_url, storage_url : str
    settings : Settings
    """

    def __init__(self, settings: Settings, port: int = 0) -> None:
        self.settings = settings
        self._service = Service(settings)
        self._api = _listener(port, self._service.api)
        self._storage = _listener(0, self._service.s3)
        self.base_url = f"http://{_HOST}:{self._api.port}"
        self.token_url = f"{self.base_url}/auth/o2/token"
        self.storage_url = f"http://{_HOST}:{self._storage.port}"
        self._service.base_url, self._service.storage_url = self.base_url, self.storage_url
        for server in (self._api, self._storage):
            threading.Thread(target=_serve, args=[server], daemon=True).start()

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

    def client_for(self, profile_id: int, clock: Clock | None = None) -> Client:
        """A new client for one of the advertisers."""
        credentials = Credentials(CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN)
        return Client(
            credentials,
            profile_id,
            base_url=self.base_url,
            token_url=self.token_url,
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
        return self._service.today(ADVERTISERS[self.profile_ids[0]])

    @property
    def log(self) -> list[Exchange]:
        """Every request so far."""
        return list(self._service.log)

    @property
    def reports(self) -> dict[str, Report]:
        """Every report that was asked for, by its id."""
        return self._service.reports

    def count(self, operation: str) -> int:
        """How many requests of an operation there were.

        Operations are ``token``, ``profiles``, ``request_report``, ``get_report_status``,
        ``download_report`` and ``storage``.
        """
        return sum(exchange.operation == operation for exchange in self._service.log)

    def arrange(self, operation: str, *answers: Answer) -> None:
        """Answer the next requests of an operation so, one each."""
        self._service.arranged.setdefault(operation, deque()).extend(answers)

    def revoke_tokens(self) -> None:
        """Make every access token invalid that was given out."""
        self._service.revoke_tokens()

    def fill_with(self, content: Content) -> None:
        """Fill reports asked for from now on by `content(report)`: rows, or a raw payload.

        Where it gives None the sandbox's own rows are taken.
        """
        self._service.content = content

    def stop(self) -> None:
        """Stop listening, and drop what is connected."""
        self._service.open = False
        for server in (self._api, self._storage):
            server.shutdown()
            server.server_close()


def _listener(port: int, application: Any) -> BaseWSGIServer:
    if not isinstance(port, int) or not 0 <= port < 1 << 16:
        raise InvalidRequest(f"port={port!r} is no port: a number from 1 to 65535, 0 for any free")
    # Bound here, because werkzeug would end the whole process over a port that is taken.
    try:
        with socket.create_server((_HOST, port)) as bound:
            return make_server(
                _HOST,
                port,
                application,
                threaded=True,
                request_handler=_Handler,
                fd=bound.fileno(),
            )
    except OSError as error:
        raise InvalidRequest(
            f"port {port} cannot be had; choose another, or 0 for any that is free"
        ) from error


def _serve(server: BaseWSGIServer) -> None:
    server.serve_forever(poll_interval=0.02)

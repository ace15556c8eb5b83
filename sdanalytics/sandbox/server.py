"""A running sandbox: its listeners, its clients, and the controls for tests."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Sequence
from datetime import date
from types import TracebackType
from typing import TYPE_CHECKING, Final, cast

from werkzeug.routing import Map

from sdanalytics._core.clock import Clock
from sdanalytics.api.auth import Credentials
from sdanalytics.api.client import Client
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import Api, HistoryApi
from sdanalytics.model.query import DateLike, ReportQuery
from sdanalytics.sandbox.listener import Listener
from sdanalytics.sandbox.report_store import ContentHook, Report
from sdanalytics.sandbox.router import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Router
from sdanalytics.sandbox.scripting import RecordedRequest, ScriptedResponse
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import select_advertisers
from sdanalytics.sandbox.simulation.truth import build_truth

if TYPE_CHECKING:
    import pandas as pd

_MAX_PORT: Final = 65535


class Sandbox:
    """A running sandbox (see `start`).

    Attributes
    ----------
    base_url, token_url, consent_url, storage_url : str
    settings : Settings
    """

    def __init__(self, settings: Settings, port: int = 0) -> None:
        self.settings = settings
        self._advertisers = select_advertisers(settings)
        router = Router(settings)
        self._router = router
        self._api = _open_listener(port, router, router.api_routes)
        self._storage = _open_listener(0, router, router.storage_routes)
        self.base_url = self._api.url
        self.token_url = f"{self.base_url}/auth/o2/token"
        self.consent_url = f"{self.base_url}/ap/oa"
        self.storage_url = self._storage.url
        router.set_urls(self.base_url, self.storage_url)

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
        """The profiles: of a seller in the US, a vendor in Germany and a seller in Japan."""
        return list(self._advertisers)

    def client_for(
        self,
        profile_id: int,
        clock: Clock | None = None,
        api: str | None = None,
        history: str | None = None,
    ) -> Client:
        """Return a new client for one of the advertisers.

        Parameters
        ----------
        profile_id : int
        clock : Clock, optional
        api : {"v2", "v3", "v1"}, optional
            The version of the API (see `Client`). Default: ``SDANALYTICS_API``, so that the
            same code runs in any version.
        history : {"v1"}, optional
            The version for older days. Default: ``SDANALYTICS_HISTORY``.
        """
        credentials = Credentials(CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN)
        return Client(
            credentials,
            profile_id,
            base_url=self.base_url,
            token_url=self.token_url,
            api=cast("Api | None", api or os.environ.get("SDANALYTICS_API")),
            history=cast("HistoryApi | None", history or os.environ.get("SDANALYTICS_HISTORY")),
            clock=clock,
        )

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which `Client.from_env` connects to this sandbox.

        ``sdanalytics login`` uses them, too; the last one is for it alone.
        """
        return {
            "SDANALYTICS_CLIENT_ID": CLIENT_ID,
            "SDANALYTICS_CLIENT_SECRET": CLIENT_SECRET,
            "SDANALYTICS_REFRESH_TOKEN": REFRESH_TOKEN,
            "SDANALYTICS_PROFILE_ID": str(self.profile_ids[0]),
            "SDANALYTICS_BASE_URL": self.base_url,
            "SDANALYTICS_TOKEN_URL": self.token_url,
            "SDANALYTICS_CONSENT_URL": self.consent_url,
        }

    @property
    def today(self) -> date:
        """Today in the time zone of the first advertiser."""
        advertiser = self._advertisers[self.profile_ids[0]]
        return advertiser.today(self.settings.now())

    def truth(
        self,
        record_type: str,
        start: DateLike,
        end: DateLike | None = None,
        *,
        profile_id: int | None = None,
        segment: str | None = None,
        metrics: Sequence[str] | None = None,
        expected: bool = False,
    ) -> pd.DataFrame:
        """Return the final numbers of a report, also of days whose orders still arrive.

        A report of days that are at least 60 days old is equal to it.

        Parameters
        ----------
        record_type : str
        start, end : date or str
            Inclusive days of the profile, future ones too; `end` is `start` by default.
        profile_id : int, optional
            Of one of the advertisers; of the first by default.
        segment : {"matchedTarget"}, optional
        metrics : sequence of str, optional
            As in `fetch_report`, with the same default; of either version of the API.
        expected : bool, optional
            Whether orders, units and sales are those to be expected of the traffic, as
            ``float64``, instead of those that were drawn. Orders vary about them as binomial
            numbers do. Not for `asins`.

        Returns
        -------
        pandas.DataFrame
            With the columns, dtypes and order of `fetch_report`'s frames.

        Raises
        ------
        InvalidRequest
            For an invalid parameter, and for a report that the advertiser does not have.
        """
        query = ReportQuery.parse(record_type, start, end, metrics=metrics, segment=segment)
        known = self.profile_ids
        if profile_id not in (None, *known):
            ids = ", ".join(map(str, known))
            raise InvalidRequest(f"profile_id must be one of {ids}, got {profile_id!r}")
        advertiser = self._advertisers[known[0] if profile_id is None else profile_id]
        return build_truth(advertiser, query, self.today, expected=expected)

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every request so far."""
        return list(self._router.requests)

    @property
    def reports(self) -> dict[str, Report]:
        """Every report that was requested, by its id."""
        return self._router.store.reports

    def count(self, operation: str) -> int:
        """Return the number of requests of an operation so far.

        Operations are ``consent``, ``answer_consent``, ``token`` and ``profiles``; of version 2
        ``request_report``, ``get_report_status`` and ``download_report``; of version 3
        ``create_report``, ``get_report``, ``delete_report`` and ``campaigns``; of version 1
        ``query_accounts``, ``create_v1_report``, ``retrieve_v1_report`` and
        ``delete_v1_report``; and ``storage``.
        """
        operations = [request.operation for request in self._router.requests]
        return operations.count(operation)

    def script_responses(self, operation: str, *responses: ScriptedResponse) -> None:
        """Script the responses to the next requests of an operation, one each."""
        script = self._router.scripts.setdefault(operation, deque())
        script.extend(responses)

    def clear_script(self) -> None:
        """Remove all scripted responses that have not been used yet."""
        self._router.scripts.clear()

    def revoke_tokens(self) -> None:
        """Invalidate every access token issued so far."""
        self._router.access.revoke_tokens()

    def set_content(self, content: ContentHook) -> None:
        """Fill the reports requested from now on by `content(report)`.

        It returns rows, a raw payload, or None for the sandbox's own rows.
        """
        self._router.store.content_hook = content

    def keep_pending(self, report_id: str) -> None:
        """Keep a report that is in flight PENDING (versions 1 and 3) from now on."""
        self.reports[report_id].ready_at = math.inf

    def resume_listening(self) -> None:
        """Listen again at the API's port, after a response with `then_stop`."""
        router, port = self._router, self._api.port
        self._api.stop()
        self._api = _open_listener(port, router, router.api_routes)

    def stop(self) -> None:
        """Stop listening, and end all connections."""
        self._api.stop()
        self._storage.stop()


def _open_listener(port: int, router: Router, routes: Map) -> Listener:
    is_valid = isinstance(port, int) and 0 <= port <= _MAX_PORT
    if not is_valid:
        raise InvalidRequest(
            f"port must be from 1 to {_MAX_PORT}, or 0 for any free one, got {port!r}"
        )
    try:
        return Listener(port, router, routes)
    except OSError as error:
        raise InvalidRequest(
            f"port {port} is not available; choose another, or 0 for any free one"
        ) from error

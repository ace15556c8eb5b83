"""`Client`: the service for one profile, as a user sees it."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

from sdanalytics._core.clock import Clock
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics._core.interruptible import run_interruptible
from sdanalytics._core.limiter_state import LimiterStateStore
from sdanalytics.api.auth import Credentials
from sdanalytics.api.config import ClientConfig
from sdanalytics.api.profiles import list_profiles, profiles_frame
from sdanalytics.api.reporting_v2 import ReportingV2, ReportRequest, ReportResponse
from sdanalytics.api.session import OPERATION_TIMEOUT, ApiSession, Login
from sdanalytics.api.transport import timeout_error
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import Api, Region
from sdanalytics.model.partition import ProfileKey
from sdanalytics.model.report_batch import MAX_REPORT_BYTES

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("sdanalytics")

T = TypeVar("T")


class Client:
    """The advertising API, for one profile.

    Parameters
    ----------
    credentials : Credentials
    profile_id : int or str
        The profile of the reports; `profiles()` lists them.
    region : {"NA", "EU", "FE"}
    base_url : str, optional
        Another host than the region's, such as the sandbox's.
    token_url : str, optional
        Another Login with Amazon than the region's.
    api : {"v2", "v3"}, optional
        The version of the reporting API. By default version 3 on Amazon's own hosts, where
        version 2 was switched off on 2024-10-31, and version 2 at any other `base_url`. Calls,
        names of metrics, frames and the store are the same.
    create_rate : float, optional
        The maximum number of reports to request per second. By default 1 on Amazon's own hosts,
        which is their limit per client and profile; no limit at any other `base_url`, where
        requests slow down after a 429.
    storage_hosts : str or sequence of str, optional
        Hosts that payloads may be downloaded from besides S3's and the service's own, such as
        ``"files.example.org"``, or ``".example.org"`` for all hosts below it.
    largest_report : int, optional
        The maximum size of a decompressed report in bytes, a protection against decompression
        bombs; 8 GiB by default, about seven million rows.
    clock : Clock, optional
        The clock for timestamps and waits; tests pass their own.

    Attributes
    ----------
    profile_id : int
    region : {"NA", "EU", "FE"}
    base_url : str
    source : str
        The region, or host:port of a custom `base_url`.
    api : {"v2", "v3"}
    create_rate : float or None
    storage_hosts : tuple of str
    largest_report : int
    clock : Clock

    Notes
    -----
    Reading operations are retried on 429, 5xx and broken connections; a report is requested
    again only when the first request certainly created none. A 401 is retried once with a fresh
    token. All clients of a process with the same credentials share one token, and all threads of
    a client one rate limiter; calls of `fetch_report` share the rate limiter with all processes
    that use the same store. Neither clients nor credentials can be pickled: create a client where
    it is used, with `from_env`.
    """

    def __init__(
        self,
        credentials: Credentials,
        profile_id: int | str,
        *,
        region: Region = "NA",
        base_url: str | None = None,
        token_url: str | None = None,
        api: Api | None = None,
        create_rate: float | None = None,
        storage_hosts: str | Sequence[str] = (),
        largest_report: int = MAX_REPORT_BYTES,
        clock: Clock | None = None,
    ) -> None:
        config = ClientConfig.from_settings(
            profile_id,
            region=region,
            base_url=base_url,
            token_url=token_url,
            api=api,
            create_rate=create_rate,
            storage_hosts=storage_hosts,
            largest_report=largest_report,
            clock=clock,
        )
        self._session = ApiSession(config, Login(credentials, config))

    @classmethod
    @hide_frames
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Client:
        """Create a client from the environment variables ``SDANALYTICS_...``.

        ``_CLIENT_ID``, ``_CLIENT_SECRET``, ``_REFRESH_TOKEN`` (or ``_ACCESS_TOKEN`` instead
        of these two) and ``_PROFILE_ID`` are needed; ``_REGION``, ``_BASE_URL``,
        ``_TOKEN_URL``, ``_API`` and ``_STORAGE_HOSTS`` (separated by commas) are not.

        Raises
        ------
        NotConfigured
            Naming the variables that are missing.
        InvalidRequest
            Naming the variable that is wrong.
        """
        credentials = Credentials.from_env(environment, "PROFILE_ID")
        region = cast(Region, environment.get("SDANALYTICS_REGION") or "NA")
        api = cast("Api | None", environment.get("SDANALYTICS_API"))
        hosts = environment.get("SDANALYTICS_STORAGE_HOSTS", "").split(",")
        try:
            client = cls(
                credentials,
                environment["SDANALYTICS_PROFILE_ID"],
                region=region,
                base_url=environment.get("SDANALYTICS_BASE_URL"),
                token_url=environment.get("SDANALYTICS_TOKEN_URL"),
                api=api,
                storage_hosts=[host.strip() for host in hosts if host.strip()],
            )
        except InvalidRequest as error:
            parameter = str(error).split()[0]
            raise InvalidRequest(f"SDANALYTICS_{parameter.upper()}: {error}") from None
        if client._session.config.sends_local_login_to_amazon and not credentials.access_token:
            logger.warning(
                "the login for %s is sent to Amazon: set SDANALYTICS_TOKEN_URL, too",
                client.base_url,
            )
        return client

    def __repr__(self) -> str:
        return (
            f"Client(profile_id={self.profile_id!r}, region={self.region!r}, "
            f"base_url={self.base_url!r}, api={self.api!r})"
        )

    def __copy__(self) -> Client:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Client holds secrets and connections, and cannot be pickled: create one where it "
            "is used, with Client.from_env()"
        )

    @property
    def profile_id(self) -> int:
        """The profile, as in the column `profileId` of `profiles()`."""
        return self._session.config.profile_id

    @property
    def region(self) -> Region:
        """The region of the service."""
        return self._session.config.region

    @property
    def base_url(self) -> str:
        """The URL of the service."""
        return self._session.config.base_url

    @property
    def source(self) -> str:
        """The origin of the data: the region, or host:port of a custom `base_url`."""
        return self._session.key.source

    @property
    def api(self) -> Api:
        """The version of the reporting API."""
        return self._session.config.api

    @property
    def create_rate(self) -> float | None:
        """The maximum number of reports to request per second; None: the service's limit."""
        return self._session.config.create_rate

    @property
    def storage_hosts(self) -> tuple[str, ...]:
        """Hosts that payloads may be downloaded from, besides S3's and the service's own."""
        return self._session.config.storage_hosts

    @property
    def largest_report(self) -> int:
        """The maximum size of a decompressed report in bytes."""
        return self._session.config.max_report_bytes

    @property
    def clock(self) -> Clock:
        """The clock for timestamps and waits."""
        return self._session.config.clock

    def for_profile(self, profile_id: int | str) -> Client:
        """Return this client for another profile of the same login; it shares the token."""
        other = copy.copy(self)
        other._session = self._session.for_profile(profile_id)
        return other

    def profiles(self) -> pd.DataFrame:
        """List the profiles that the login can access: ``GET /v2/profiles``.

        Returns
        -------
        pandas.DataFrame
            One row per profile: `profileId` (Int64), `countryCode`, `currencyCode`,
            `timezone` (IANA name), `accountType`, `accountName`, `accountId`,
            `marketplaceStringId` (str).

        Raises
        ------
        ApiError
            `BadRequest`, `Unauthorized`, `Forbidden`, `RateLimited`, `ServerError`,
            `ConnectionFailed`.
        """
        return profiles_frame(_run(self, partial(list_profiles, self._session)))

    def request_report(self, record_type: str, report_request: ReportRequest) -> ReportResponse:
        """Request a report: ``POST /sd/{recordType}/report``.

        Raises
        ------
        InvalidRequest
            When the record type is unknown.
        ApiError
            `BadRequest`, `Unauthorized`, `Forbidden`, `ReportTooOld`, `InvalidReport`,
            `RateLimited`, `ServerError`, `ConnectionFailed`.
        """
        return _run(self, partial(ReportingV2(self._session).create, record_type, report_request))

    def get_report_status(self, report_id: str) -> ReportResponse:
        """Get the status of a report: ``GET /v2/reports/{reportId}``.

        Raises
        ------
        ApiError
            `BadRequest`, `Unauthorized`, `Forbidden`, `NotFound`, `RateLimited`,
            `ServerError`, `ConnectionFailed`.
        """
        return _run(self, partial(ReportingV2(self._session).get, report_id))

    def download_report(self, report_id: str) -> bytes:
        """Download a finished report: ``GET /v2/reports/{reportId}/download``.

        The service responds with a redirect (307) to storage that is valid for 30 seconds; it
        is followed at once, with none of the API's headers.

        Returns
        -------
        bytes
            The payload as storage sent it: gzip-compressed JSON, not checked here.

        Raises
        ------
        DownloadFailed
            When storage refuses the URL (expired, most likely) or cannot be reached.
        ApiError
            `BadRequest`, `Unauthorized`, `Forbidden`, `NotFound`, `RateLimited`,
            `ServerError`, `ConnectionFailed`.
        """
        return _run(self, partial(ReportingV2(self._session).download, report_id))


def _run(client: Client, operation: Callable[[], T]) -> T:
    """Run an operation of a client, which Ctrl-C and its deadline end even if it hangs."""
    deadline = Deadline(client.clock, OPERATION_TIMEOUT)
    result = run_interruptible(operation, deadline)
    if result is None:
        raise timeout_error(deadline)
    return result


def open_session(
    client: Client, deadline: Deadline, limiter_state: LimiterStateStore | None = None
) -> ApiSession:
    """Return a client's session for one call (see `ApiSession.bind`)."""
    return client._session.bind(deadline, limiter_state)


def profile_key(client: Client) -> ProfileKey:
    """Return the key of a client's profile, as it is stored."""
    return client._session.key

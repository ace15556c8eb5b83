"""`Client`: the service for a login and one of its profiles, as a user sees it."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from sdanalytics._core.clock import Clock
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics._core.limiter_state import CountInFlight, LimiterStateStore
from sdanalytics.api.auth import Credentials
from sdanalytics.api.client_settings import ClientSettings
from sdanalytics.api.config import ClientConfig
from sdanalytics.api.config_file import DEFAULT_LOGIN, ConfigFile
from sdanalytics.api.own_profile import load_own_profile, operation_deadline, run_operation
from sdanalytics.api.profiles import list_profiles, profiles_frame
from sdanalytics.api.report_operations import ReportOperations
from sdanalytics.api.session import ApiSession, Login
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import Api, HistoryApi, Region
from sdanalytics.model.partition import ProfileKey
from sdanalytics.model.report_batch import MAX_REPORT_BYTES

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("sdanalytics")


class Client(ReportOperations):
    """The advertising API, for a login and one of its profiles.

    Parameters
    ----------
    credentials : Credentials
    profile_id : int or str, optional
        The profile of the reports. Without it `profiles()` works; a report is that of the login's
        only profile or, if it has several, an error that lists them.
    region : {"NA", "EU", "FE"}
    base_url : str, optional
        Another host than the region's, such as the sandbox's.
    token_url : str, optional
        Another Login with Amazon than the region's.
    api : {"v2", "v3", "v1"}, optional
        The version of the reporting API. By default version 3 on Amazon's own hosts, where
        version 2 was switched off on 2024-10-31, and version 2 at any other `base_url`. Calls,
        names of metrics, frames and the store are the same. ``"v1"`` is the unified Ads API, a beta
        of Amazon's with 15 months of history (docs/ads-api-v1.md); it has no targets.
    history : {"v1"}, optional
        Another version for the days that `api` no longer has: with ``api="v3"``, days that are
        more than 65 days old come through the unified Ads API, all others through version 3.
    create_rate : float, optional
        The maximum number of reports to request per second. By default 1 on Amazon's own hosts,
        which is their limit per client and profile; no limit at any other `base_url`, where
        requests slow down after a 429. Version 1 begins with one a minute, and learns.
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
    profile_id : int or None
    today : datetime.date
    region : {"NA", "EU", "FE"}
    base_url : str
    source : str
        The region, or host:port of a custom `base_url`.
    api : {"v2", "v3", "v1"}
    history : {"v1"} or None
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
        profile_id: int | str | None = None,
        *,
        region: Region = "NA",
        base_url: str | None = None,
        token_url: str | None = None,
        api: Api | None = None,
        history: HistoryApi | None = None,
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
            history=history,
            create_rate=create_rate,
            storage_hosts=storage_hosts,
            largest_report=largest_report,
            clock=clock,
        )
        self._session = ApiSession(config, Login(credentials, config))
        self._profile = None

    @classmethod
    @hide_frames
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Client:
        """Create a client from the environment variables ``SDANALYTICS_...``.

        ``_CLIENT_ID``, ``_CLIENT_SECRET`` and ``_REFRESH_TOKEN`` (or ``_ACCESS_TOKEN`` instead
        of these two) are needed; ``_PROFILE_ID``, ``_REGION``, ``_BASE_URL``, ``_TOKEN_URL``,
        ``_API``, ``_HISTORY`` and ``_STORAGE_HOSTS`` (separated by commas) are not.

        Raises
        ------
        NotConfigured
            Naming the variables that are missing.
        InvalidRequest
            Naming the variable that is wrong.
        """
        return _create(cls, ClientSettings.from_env, environment)

    @classmethod
    @hide_frames
    def from_config(cls, name: str = DEFAULT_LOGIN) -> Client:
        """Create a client from a login that ``sdanalytics login`` has kept.

        Logins are kept in the file that the variable ``SDANALYTICS_CONFIG`` names, by default
        ``config.toml`` in the user's config folder.

        Parameters
        ----------
        name : str

        Raises
        ------
        NotConfigured
            When there is no such login, or it lacks something.
        InvalidRequest
            Naming the setting that is wrong.
        """
        return _create(cls, ClientSettings.from_config, name, ConfigFile.locate())

    def __repr__(self) -> str:
        history = "" if self.history is None else f", history={self.history!r}"
        return (
            f"Client(profile_id={self.profile_id!r}, region={self.region!r}, "
            f"base_url={self.base_url!r}, api={self.api!r}{history})"
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
    def profile_id(self) -> int | None:
        """The profile, as in the column `profileId` of `profiles()`; None until it is known."""
        return self._session.config.profile_id

    @property
    def today(self) -> date:
        """The date where the profile is, which is requested from the service once.

        Raises
        ------
        NotConfigured
            When the client has no profile, and its login not just one.
        ApiError
            As `profiles`.
        """
        profile = load_own_profile(self, operation_deadline(self))
        return profile.today(self.clock.now())

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
        return self._session.config.source

    @property
    def api(self) -> Api:
        """The version of the reporting API."""
        return self._session.config.api

    @property
    def history(self) -> HistoryApi | None:
        """The version of the API for days that `api` no longer has; None: none."""
        return self._session.config.history

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
        other._profile = None
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
        return profiles_frame(run_operation(self, partial(list_profiles, self._session)))


@hide_frames
def default_client(environment: Mapping[str, str] = os.environ) -> Client:
    """Create the client of calls without one.

    It is that of the environment or, if that has no credentials, of the login ``default`` of the
    config file.

    Raises
    ------
    NotConfigured, InvalidRequest
        As `Client.from_env` and `Client.from_config`.
    """
    return _create(Client, ClientSettings.find_default, environment)


@hide_frames
def _create(
    kind: type[Client], read_settings: Callable[..., ClientSettings], *arguments: object
) -> Client:
    """Create a client from settings, and name the one that is wrong."""
    settings = read_settings(*arguments)
    try:
        client = kind(settings.credentials, **settings.arguments())
    except InvalidRequest as error:
        parameter = str(error).split()[0]
        raise InvalidRequest(f"{settings.name_parameter(parameter)}: {error}") from None
    is_renewed = not settings.credentials.access_token
    if client._session.config.sends_local_login_to_amazon and is_renewed:
        logger.warning(
            "the login for %s is sent to Amazon: set SDANALYTICS_TOKEN_URL, too", client.base_url
        )
    return client


def open_session(
    client: Client, deadline: Deadline, limiter_state: LimiterStateStore | None = None
) -> ApiSession:
    """Return a client's session for one call (see `ApiSession.bind`)."""
    return client._session.bind(deadline, limiter_state)


def open_unified_session(
    client: Client,
    deadline: Deadline,
    limiter_state: LimiterStateStore | None,
    count_in_flight: CountInFlight,
) -> ApiSession:
    """Return a client's session for one call of version 1 (see `ApiSession.bind_unified`)."""
    return client._session.bind_unified(deadline, limiter_state, count_in_flight)


def profile_key(client: Client) -> ProfileKey:
    """Return the key of a client's profile, which must be known, as it is stored."""
    return client._session.key


def login_key(client: Client) -> str:
    """Return what tells the profiles of a client's login from those of others: no secret."""
    return f"{client.source} {client._session.login_digest}"

"""The settings of a client, validated."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args
from urllib.parse import urlsplit

from sdanalytics._core.clock import Clock
from sdanalytics._core.redact import redact
from sdanalytics._core.suggest import validate_choice
from sdanalytics.api.download_hosts import LOOPBACK_HOSTS, validate_hosts
from sdanalytics.api.hosts import (
    REGIONS,
    choose_api,
    choose_create_rate,
    choose_unified_interval,
    name_source,
)
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import Api, HistoryApi, Region
from sdanalytics.model.metrics import API_VERSIONS
from sdanalytics.model.partition import ProfileKey

_REGION_SYNONYMS: Final = {
    **dict.fromkeys(("us", "usa", "ca", "mx", "br", "north america"), "NA"),
    **dict.fromkeys(("uk", "gb", "de", "fr", "it", "es", "nl", "in", "ae", "europe"), "EU"),
    **dict.fromkeys(("jp", "au", "sg", "far east", "asia"), "FE"),
}
"""Countries that are taken for regions."""
ALLOW_HTTP_VARIABLE: Final = "SDANALYTICS_ALLOW_HTTP"
"""The environment variable that allows http to other machines."""
MAX_PROFILE_ID_DIGITS: Final = 19
"""Digits of the longest 64-bit integer."""


@dataclass(frozen=True)
class ClientConfig:
    """The settings of a client; none of them is a secret.

    Attributes
    ----------
    profile_id : int or None
        None until it is known.
    region : {"NA", "EU", "FE"}
    base_url, token_url : str
        The API, and Login with Amazon.
    api : {"v2", "v3", "v1"}
    history : {"v1"} or None
        The version for days that `api` no longer has; None: none.
    create_rate : float or None
        The maximum number of creates per second; None: the service's limit.
    unified_interval : float
        Seconds between two creates of version 1 while its limits are not known.
    storage_hosts : tuple of str
        Hosts that payloads may be downloaded from, besides S3's and the service's own.
    max_report_bytes : int
        Bytes of a report, as it is downloaded and as text.
    clock : Clock
    """

    profile_id: int | None
    region: Region
    base_url: str
    token_url: str
    api: Api
    history: HistoryApi | None
    create_rate: float | None
    unified_interval: float
    storage_hosts: tuple[str, ...]
    max_report_bytes: int
    clock: Clock

    @classmethod
    def from_settings(
        cls,
        profile_id: object,
        *,
        region: object,
        base_url: str | None,
        token_url: str | None,
        api: object,
        history: object,
        create_rate: float | None,
        storage_hosts: str | Sequence[str],
        largest_report: int,
        clock: Clock | None,
    ) -> ClientConfig:
        """Validate the parameters of `Client`, and fill in the defaults.

        Raises
        ------
        InvalidRequest
            Naming the parameter that is wrong.
        """
        valid_region = _validate_region(region)
        region_hosts = REGIONS[valid_region]
        api_url = validate_service_url("base_url", base_url or region_hosts.api_url)
        valid_api = _validate_api(api, api_url)
        return cls(
            profile_id=None if profile_id is None else validate_profile_id(profile_id),
            region=valid_region,
            base_url=api_url,
            token_url=validate_service_url("token_url", token_url or region_hosts.token_url),
            api=valid_api,
            history=_validate_history(history, valid_api),
            create_rate=_validate_create_rate(create_rate, api_url),
            unified_interval=choose_unified_interval(create_rate),
            storage_hosts=validate_hosts(storage_hosts),
            max_report_bytes=_validate_size("largest_report", largest_report),
            clock=clock or Clock(),
        )

    @property
    def sends_local_login_to_amazon(self) -> bool:
        """Whether the API is on this machine, but the login is sent to Amazon."""
        is_local = urlsplit(self.base_url).hostname in LOOPBACK_HOSTS
        if not is_local:
            return False
        return self.token_url == REGIONS[self.region].token_url

    @property
    def source(self) -> str:
        """The region, or host:port of a custom `base_url`."""
        return name_source(self.base_url)

    @property
    def key(self) -> ProfileKey:
        """The key of the profile, as it is stored; it must be known."""
        assert self.profile_id is not None
        return ProfileKey(self.source, str(self.profile_id))

    def for_profile(self, profile_id: int | str) -> ClientConfig:
        """Return the same settings for another profile."""
        return replace(self, profile_id=validate_profile_id(profile_id))


def validate_profile_id(profile_id: object) -> int:
    """Return a profile id as a number.

    Raises
    ------
    InvalidRequest
        When it is neither a whole number nor the text of one.
    """
    digits = str(profile_id).strip()
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= MAX_PROFILE_ID_DIGITS
    if not is_number:
        raise InvalidRequest(
            "profile_id must be the number of a profile, such as 1842030415361601, got "
            f"{redact(repr(profile_id))}; Client.profiles() lists them"
        )
    return int(digits)


def _validate_region(region: object) -> Region:
    name = region
    if isinstance(region, str):
        name = region.upper()
    return validate_choice("region", name, tuple(REGIONS), _REGION_SYNONYMS)


def _validate_api(api: object, base_url: str) -> Api:
    if api is None:
        return choose_api(base_url)
    return validate_choice("api", api, API_VERSIONS)


def _validate_history(history: object, api: Api) -> HistoryApi | None:
    if history is None:
        return None
    known: HistoryApi = validate_choice("history", history, get_args(HistoryApi))
    if api == known:
        raise InvalidRequest(
            f"history must be left out with api={api!r}, got {history!r}: all days come through it"
        )
    return known


def _validate_create_rate(rate: float | None, base_url: str) -> float | None:
    if rate is None:
        return choose_create_rate(base_url)
    is_number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if not is_number or not 0 < rate < math.inf:
        raise InvalidRequest(
            f"create_rate must be a positive number of reports per second, got {rate!r}"
        )
    return float(rate)


def _validate_size(name: str, size: int) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
        raise InvalidRequest(f"{name} must be a positive whole number of bytes, got {size!r}")
    return size


def validate_service_url(name: str, url: str) -> str:
    """Return a URL of a service, without a slash at its end.

    Raises
    ------
    InvalidRequest
        When it is none, or sends secrets over http to another machine.
    """
    text = str(url)
    if not _is_service_url(text):
        raise InvalidRequest(
            f"{name} must be a URL such as 'http://localhost:8080', got {redact(repr(url))}"
        )
    if not _is_private(text):
        raise InvalidRequest(
            f"{name} must begin with https://, got {redact(repr(url))}: over http, anybody on the "
            f"way could read the login. Set {ALLOW_HTTP_VARIABLE}=1 if the way is safe, such as a "
            "network of containers on one machine"
        )
    return text.rstrip("/")


def _is_private(url: str) -> bool:
    """Return whether nobody on the way can read what is sent to a URL."""
    parts = urlsplit(url)
    is_local = parts.hostname in LOOPBACK_HOSTS
    if parts.scheme == "https" or is_local:
        return True
    return os.environ.get(ALLOW_HTTP_VARIABLE) == "1"


def _is_service_url(text: str) -> bool:
    """Return whether a text is an http(s) URL without a login or a query."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(text)
        has_extras = bool(parts.query or parts.username or parts.password)
        # Reading a port that is not a number raises ValueError.
        has_host = bool(parts.hostname) and parts.port != 0
        return parts.scheme in ("http", "https") and has_host and not has_extras
    return False

"""Amazon's hosts, and the defaults that hold for them alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from sdanalytics.model.literals import Api, Region


class RegionHosts(NamedTuple):
    """The hosts of a region.

    Attributes
    ----------
    api_url : str
        The advertising API.
    token_url : str
        Login with Amazon.
    consent_url : str
        The page where an advertiser gives an application access.
    """

    api_url: str
    token_url: str
    consent_url: str


REGIONS: Final[Mapping[Region, RegionHosts]] = {
    "NA": RegionHosts(
        "https://advertising-api.amazon.com",
        "https://api.amazon.com/auth/o2/token",
        "https://www.amazon.com/ap/oa",
    ),
    "EU": RegionHosts(
        "https://advertising-api-eu.amazon.com",
        "https://api.amazon.co.uk/auth/o2/token",
        "https://eu.account.amazon.com/ap/oa",
    ),
    "FE": RegionHosts(
        "https://advertising-api-fe.amazon.com",
        "https://api.amazon.co.jp/auth/o2/token",
        "https://apac.account.amazon.com/ap/oa",
    ),
}
AMAZON_CREATE_RATE: Final = 1.0
"""Creates per second that Amazon's hosts accept per client and profile (version 2)."""
UNIFIED_INTERVAL: Final = 60.0
"""Seconds between two creates of the unified Ads API while its limits are not known."""
RETIREMENT_NOTICE: Final = (
    'Amazon switched version 2 of the reporting API off on 2024-10-31: Client(api="v3") or '
    "SDANALYTICS_API=v3 gives the same frame"
)
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


def find_region(base_url: str) -> Region | None:
    """Find the region of an API host; None if it is not one of Amazon's."""
    for region, hosts in REGIONS.items():
        if base_url == hosts.api_url:
            return region
    return None


def is_amazon(base_url: str) -> bool:
    """Return whether a URL is one of Amazon's API hosts."""
    return find_region(base_url) is not None


def name_source(base_url: str) -> str:
    """Return the name under which data of a service are stored: its region, or host:port."""
    region = find_region(base_url)
    if region is not None:
        return region
    parts = urlsplit(base_url)
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    return f"{parts.hostname}:{port}"


def choose_api(base_url: str) -> Api:
    """Choose the version of the API for a service: version 2 is switched off at Amazon's."""
    return "v3" if is_amazon(base_url) else "v2"


def choose_create_rate(base_url: str) -> float | None:
    """Choose the creates per second for a service; None: the service's limit."""
    if is_amazon(base_url):
        return AMAZON_CREATE_RATE
    return None


def choose_unified_interval(create_rate: float | None) -> float:
    """Choose the first gap between creates of the unified Ads API, by the rate that a user set."""
    if create_rate:
        return 1 / create_rate
    return UNIFIED_INTERVAL

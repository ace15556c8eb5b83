"""The allow-list of download hosts: S3's own, and those that the user names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from sdanalytics.errors import InvalidRequest

# bucket.s3.region.amazonaws.com in all of S3's spellings (s3-region, s3.dualstack.region,
# s3-accelerate, s3-accesspoint, .cn): "Amazon S3 endpoints and quotas" in AWS's reference.
_S3_HOST: Final = re.compile(
    r"(?:[a-z0-9][a-z0-9.-]*\.)?s3(?:[.-][a-z0-9-]+){0,4}\.amazonaws\.com(?:\.cn)?"
)
_HOST_PATTERN: Final = re.compile(r"\.?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[?[0-9a-f:]+\]?")
LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


def validate_hosts(hosts: object) -> tuple[str, ...]:
    """Validate host names that a user allows; `.example.org` allows all hosts below it.

    Parameters
    ----------
    hosts : str or sequence of str

    Returns
    -------
    tuple of str
        In lower case.

    Raises
    ------
    InvalidRequest
        When one of them is not a host name.
    """
    names = [hosts] if isinstance(hosts, str) else hosts
    if not isinstance(names, Sequence):
        raise InvalidRequest(f"storage_hosts must be a list of host names, got {hosts!r}")
    return tuple(_validate_host(name) for name in names)


def rejection_reason(url: str, base_url: str, allowed_hosts: Sequence[str]) -> str | None:
    """Return why a payload must not be downloaded from a URL; None if it may be.

    Downloads use https. Plain http is allowed only on this machine, and only for a service on
    this machine. The reason names only the host of the URL.

    Parameters
    ----------
    url : str
        The URL that the service redirects to.
    base_url : str
        The service's own URL: its host may serve the payloads itself.
    allowed_hosts : sequence of str
        The hosts that the user allows.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "the service redirected to an invalid URL"
    if not host or parts.username or parts.scheme not in ("https", "http"):
        return "the service redirected to a URL that is not https"
    service_host = urlsplit(base_url).hostname
    if host in LOOPBACK_HOSTS:
        if service_host in LOOPBACK_HOSTS:
            return None
        return "the service redirected to this machine, which is not Amazon's"
    if parts.scheme != "https":
        return f"the service redirected to {host} without https"
    if host == service_host or _S3_HOST.fullmatch(host) or _is_allowed(host, allowed_hosts):
        return None
    return (
        f"the service redirected to {host}, which is not a host of S3. If it is right, allow it "
        f"with Client(storage_hosts=[{host!r}]) or SDANALYTICS_STORAGE_HOSTS"
    )


def _validate_host(name: object) -> str:
    if not isinstance(name, str) or not _HOST_PATTERN.fullmatch(name.lower()):
        raise InvalidRequest(
            "storage_hosts must be host names such as 'files.example.org', or '.example.org' for "
            f"all hosts below it, got {name!r}"
        )
    return name.lower().strip("[]")


def _is_allowed(host: str, allowed_hosts: Sequence[str]) -> bool:
    for allowed in allowed_hosts:
        is_below = allowed.startswith(".") and host.endswith(allowed)
        if is_below or host == allowed:
            return True
    return False

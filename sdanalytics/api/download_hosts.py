"""Where a payload may be fetched from: S3's own hosts, and those that the user names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from sdanalytics.errors import InvalidRequest

# bucket.s3.region.amazonaws.com in all of S3's spellings (s3-region, s3.dualstack.region,
# s3-accelerate, s3-accesspoint, .cn): "Amazon S3 endpoints and quotas" in AWS's reference.
_S3: Final = re.compile(
    r"(?:[a-z0-9][a-z0-9.-]*\.)?s3(?:[.-][a-z0-9-]+){0,4}\.amazonaws\.com(?:\.cn)?"
)
_HOST: Final = re.compile(r"\.?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[?[0-9a-f:]+\]?")
_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


def validate_hosts(hosts: object) -> tuple[str, ...]:
    """Names of hosts as a user gives them: one or several, `.example.org` for all below it.

    Raises
    ------
    InvalidRequest
        For anything that is no name of a host.
    """
    names = [hosts] if isinstance(hosts, str) else hosts
    if not isinstance(names, Sequence):
        raise InvalidRequest(f"storage_hosts={hosts!r} is no list of names of hosts")
    for name in names:
        if not isinstance(name, str) or not _HOST.fullmatch(name.lower()):
            raise InvalidRequest(
                f"storage_hosts: {name!r} is no name of a host such as 'files.example.org', "
                "or '.example.org' for all below it"
            )
    return tuple(name.lower().strip("[]") for name in names)


def rejection_reason(link: str, base_url: str, hosts: Sequence[str]) -> str | None:
    """Why a payload is not fetched from there; None when it may be.

    Only over https; plain http on this machine alone, and only for a service that is there,
    too. The words hold no part of the link but its host.

    Parameters
    ----------
    link : str
        What the service redirects to.
    base_url : str
        The service's own address: its host may serve the payloads itself.
    hosts : sequence of str
        What the user allows besides.
    """
    try:
        parts = urlsplit(link)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "to what is no address"
    own = urlsplit(base_url).hostname
    if not host or parts.username or parts.scheme not in ("https", "http"):
        return "to what is no https address"
    if host in _THIS_MACHINE:
        return None if own in _THIS_MACHINE else "to this machine, which is not Amazon's"
    if parts.scheme != "https":
        return f"to {host} without https"
    if host == own or _S3.fullmatch(host) or any(_names(name, host) for name in hosts):
        return None
    return (
        f"to {host}, which is no host of S3. If it is right, allow it: "
        f"Client(storage_hosts=[{host!r}]) or SDANALYTICS_STORAGE_HOSTS"
    )


def _names(name: str, host: str) -> bool:
    return host.endswith(name) if name.startswith(".") else host == name

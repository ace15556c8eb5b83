"""The versions of the reporting API, by the name that `Client.api` has for them."""

from __future__ import annotations

from typing import Final

from sdanalytics.api.client import Client
from sdanalytics.fetch.protocols.v1 import ProtocolV1
from sdanalytics.fetch.protocols.v2 import ProtocolV2
from sdanalytics.fetch.protocols.v3 import ProtocolV3

AnyProtocol = ProtocolV2 | ProtocolV3 | ProtocolV1
PROTOCOLS: Final[dict[str, type[AnyProtocol]]] = {
    "v2": ProtocolV2,
    "v3": ProtocolV3,
    "v1": ProtocolV1,
}


def default_timeout(client: Client) -> float:
    """Return the seconds that a call of a client may take, unless the user says otherwise."""
    return max(protocol.timeout for protocol in _list_protocols(client))


def count_history_days(client: Client, record_type: str) -> int:
    """Return the days of history that a client can fetch of a record type."""
    return max(protocol.history_days(record_type) for protocol in _list_protocols(client))


def _list_protocols(client: Client) -> list[type[AnyProtocol]]:
    versions: list[str] = [client.api]
    if client.history is not None:
        versions.append(client.history)
    return [PROTOCOLS[version] for version in versions]

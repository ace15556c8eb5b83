"""The versions of the reporting API, by the name that `Client.api` has for them."""

from __future__ import annotations

from typing import Final

from sdanalytics.fetch.protocols.v2 import ProtocolV2
from sdanalytics.fetch.protocols.v3 import ProtocolV3

AnyProtocol = ProtocolV2 | ProtocolV3
PROTOCOLS: Final[dict[str, type[AnyProtocol]]] = {"v2": ProtocolV2, "v3": ProtocolV3}

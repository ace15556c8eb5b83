"""The versions of the reporting API that there are."""

from __future__ import annotations

from typing import Final

from sdanalytics.fetch.protocols.v2 import ProtocolV2
from sdanalytics.fetch.protocols.v3 import ProtocolV3

AnyProtocol = ProtocolV2 | ProtocolV3
PROTOCOLS: Final[dict[str, type[ProtocolV2] | type[ProtocolV3]]] = {
    "v2": ProtocolV2,
    "v3": ProtocolV3,
}
"""By the name that `Client` has for them."""

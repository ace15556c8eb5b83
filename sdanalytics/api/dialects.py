"""The versions of the reporting API that there are."""

from __future__ import annotations

from typing import Final

from sdanalytics.api.v2 import V2
from sdanalytics.api.v3 import V3

Dialect = V2 | V3
DIALECTS: Final[dict[str, type[V2] | type[V3]]] = {"v2": V2, "v3": V3}
"""By the name that `Client` has for them."""

"""The values of parameters as types, for editors and type checkers."""

from __future__ import annotations

from typing import Literal

RecordType = Literal["campaigns", "adGroups", "productAds", "targets", "asins", "invalidTraffic"]
"""The entities that the rows of a report stand for."""
Tactic = Literal["T00020", "T00030"]
"""Contextual targeting, and audiences (remarketing)."""
Segment = Literal["matchedTarget"]
"""The dimension that rows may be split by."""
Refresh = Literal["auto", "never", "always"]
"""The rule by which a stored day is fetched again."""
Api = Literal["v2", "v3", "v1"]
"""A version of the reporting API; ``"v1"`` is that of the unified Ads API, the newest."""
HistoryApi = Literal["v1"]
"""A version of the reporting API for days that another one no longer has."""
Region = Literal["NA", "EU", "FE"]
"""North America, Europe, the Far East: each has its own hosts."""

"""The words that parameters may be, as types: an editor and a type checker know them."""

from __future__ import annotations

from typing import Literal

RecordType = Literal["campaigns", "adGroups", "productAds", "targets", "asins"]
"""What a report has rows of."""
Tactic = Literal["T00020", "T00030"]
"""Contextual targeting, and audiences (remarketing)."""
Segment = Literal["matchedTarget"]
"""What a report may be split by."""
Refresh = Literal["auto", "never", "always"]
"""When a stored day is fetched again."""
Api = Literal["v2", "v3"]
"""A version of the reporting API."""
Region = Literal["NA", "EU", "FE"]
"""North America, Europe, the Far East: each has its own hosts."""

"""The tactics of campaigns, kept in the store: version 3 reports without them.

::

    <root>/campaigns/source=NA/profile_id=123.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sdanalytics.model.metrics import TACTICS
from sdanalytics.store.backends.base import Storage
from sdanalytics.store.layout import encode_source


def tactics_path(source: str, profile_id: str) -> str:
    """Where those of a profile are, from the root of the store."""
    return f"campaigns/source={encode_source(source)}/profile_id={profile_id}.json"


def read_tactics(storage: Storage, place: str) -> dict[int, str]:
    """Those that are kept in a file, by campaign id; none where it is not there, or no such file.

    Raises
    ------
    CacheError
        When it cannot be read.
    """
    try:
        kept = json.loads(storage.read(place))
        return {int(campaign): tactic for campaign, tactic in kept.items() if tactic in TACTICS}
    except (FileNotFoundError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def write_tactics(storage: Storage, place: str, tactics: Mapping[int, str]) -> None:
    """Keep them, whole or not at all."""
    with storage.atomic_write(place) as file:
        file.write(json.dumps(dict(sorted(tactics.items())), indent=1).encode())

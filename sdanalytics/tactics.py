"""The tactics of campaigns, kept in the store: version 3 reports without them.

::

    <root>/campaigns/source=NA/profile_id=123.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from sdanalytics.files import folder_name, refused, replacing
from sdanalytics.metrics import TACTICS


def place_of_tactics(source: str, profile_id: str) -> Path:
    """Where those of a profile are, from the root of the store."""
    return Path("campaigns", f"source={folder_name(source)}", f"profile_id={profile_id}.json")


def read_tactics(path: Path) -> dict[int, str]:
    """Those that are kept in a file, by campaign id; none where it is not there, or no such file.

    Raises
    ------
    CacheError
        When it cannot be read.
    """
    try:
        kept = json.loads(path.read_bytes())
        return {int(campaign): tactic for campaign, tactic in kept.items() if tactic in TACTICS}
    except (FileNotFoundError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    except OSError as error:
        raise refused("read", path, error) from error


def write_tactics(path: Path, tactics: Mapping[int, str]) -> None:
    """Keep them, whole or not at all."""
    with replacing(path) as file:
        file.write(json.dumps(dict(sorted(tactics.items())), indent=1).encode())

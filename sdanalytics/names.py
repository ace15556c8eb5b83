"""Finding the name that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(wrong: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most like a wrong one, whatever their case; None if none is like it."""
    folded = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(wrong).strip().lower(), folded, n=1, cutoff=cutoff)
    return folded[near[0]] if near else None

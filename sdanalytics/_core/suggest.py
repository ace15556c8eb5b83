"""Finding the name that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from sdanalytics.errors import InvalidRequest


def closest_match(wrong: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most like a wrong one, whatever their case; None if none is like it."""
    folded = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(wrong).strip().lower(), folded, n=1, cutoff=cutoff)
    return folded[near[0]] if near else None


def validate_choice(parameter: str, value: object, known: Sequence[str]) -> str:
    """`value`, if it is one of those known; else `InvalidRequest` lists them."""
    if isinstance(value, str) and value in known:
        return value
    meant = closest_match(value, known, cutoff=0.5)
    hint = f"; did you mean {meant!r}?" if meant else ""
    raise InvalidRequest(f"{parameter}={value!r} is not one of {', '.join(known)}{hint}")


def has_lone_surrogate(text: str) -> bool:
    """Whether half of a surrogate pair is in a text: then it cannot be written anywhere."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)

"""Validation of names, with a suggestion of the one that was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

from sdanalytics.errors import InvalidRequest

Name = TypeVar("Name", bound=str)

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def closest_match(wrong: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name most similar to a wrong one, ignoring case; None if none is.

    Parameters
    ----------
    wrong : object
    known : iterable of str
    cutoff : float, optional
        The least similarity, from 0 to 1.
    """
    by_lower_case = {name.lower(): name for name in known}
    lower_case = str(wrong).strip().lower()
    matches = difflib.get_close_matches(lower_case, by_lower_case, n=1, cutoff=cutoff)
    return by_lower_case[matches[0]] if matches else None


def validate_choice(
    parameter: str,
    value: object,
    known: Sequence[Name],
    synonyms: Mapping[str, str] = MappingProxyType({}),
) -> Name:
    """Return `value` if it is one of `known`.

    Parameters
    ----------
    parameter : str
        For the message.
    value : object
    known : sequence of str
    synonyms : mapping of str to str, optional
        Other words for those that are known, in lower case, to suggest.

    Raises
    ------
    InvalidRequest
        Otherwise; it lists what is known, and suggests what was meant.
    """
    if isinstance(value, str):
        for name in known:
            if name == value:
                return name
    hint = ""
    suggestion = synonyms.get(str(value).lower()) or closest_match(value, known, cutoff=0.5)
    if suggestion:
        hint = f"; did you mean {suggestion!r}?"
    choices = ", ".join(known)
    raise InvalidRequest(f"{parameter} must be one of {choices}, got {value!r}{hint}")


def has_lone_surrogate(text: str) -> bool:
    """Return whether a text holds half of a surrogate pair: such text cannot be encoded."""
    return _LONE_SURROGATE.search(text) is not None

"""The columns in front of a frame of many profiles, which tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sdanalytics.model.dtypes import string_array
from sdanalytics.model.profile_entries import PROFILE_COLUMNS
from sdanalytics.model.profiles import Profile

if TYPE_CHECKING:
    import pandas as pd


def insert_profile_columns(
    frame: pd.DataFrame, profiles: Sequence[Profile], counts: Sequence[int]
) -> None:
    """Insert `PROFILE_COLUMNS` in front of a frame.

    Parameters
    ----------
    frame : pandas.DataFrame
    profiles : sequence of Profile
        In the order of their rows.
    counts : sequence of int
        The number of rows of each.
    """
    import pandas as pd

    positions = np.arange(len(profiles))
    numbers = np.repeat(positions, counts)
    ids = np.array([int(profile.profile_id) for profile in profiles], dtype="int64")
    names = string_array(profile.account_name for profile in profiles)
    countries = [profile.country for profile in profiles]
    currencies = [profile.currency for profile in profiles]
    arrays: tuple[Any, ...] = (
        pd.array(ids[numbers], dtype="Int64"),
        names.take(numbers),
        _repeat_words(countries, numbers),
        _complete_currencies(frame, _repeat_words(currencies, numbers)),
    )
    for position, name in enumerate(PROFILE_COLUMNS):
        frame.insert(position, name, arrays[position])


def _complete_currencies(frame: pd.DataFrame, own: Any) -> Any:
    """Return the currency of each row: the one that it names, or that of its profile."""
    import pandas as pd

    if "currency" not in frame:
        return own
    named = frame.pop("currency")
    words = {*named.cat.categories, *own.categories}
    categories = pd.Index(sorted(words), dtype="str")
    dtype = pd.CategoricalDtype(categories)
    of_profiles = pd.Series(own, dtype=dtype)
    completed = named.astype(dtype).fillna(of_profiles)
    return completed.array


def _repeat_words(words: Sequence[str], numbers: Any) -> Any:
    """Return the word of each row as categories; the empty word is missing."""
    import pandas as pd

    known = sorted({word for word in words if word})
    categories = pd.Index(known, dtype="str")
    codes = categories.get_indexer(pd.Index(list(words), dtype="str"))
    dtype = pd.CategoricalDtype(categories)
    return pd.Categorical.from_codes(codes[numbers], dtype=dtype)

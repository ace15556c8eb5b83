"""Groups of rows: by id where rows have one, labelled by text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.aggregate import aggregate
from sdanalytics.analysis.group_labels import LatestRows
from sdanalytics.analysis.row_groups import RowGroups
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.entity_names import ID_BY_NAME, NAME_BY_ID

GROUP_COLUMN: Final = "_group"
"""The column with the number of each row's group."""
_NO_NAME: Final = "(none)"
_CONTEXTS: Final = ("adGroupName", "campaignName", "accountName", "countryCode")
"""What tells two groups of the same name apart."""
_ID_ENDING: Final = 4
"""Digits of an id that tell two groups apart when no text does."""
_KINDS: Final = {
    "campaignName": "campaign",
    "campaignId": "campaign",
    "adGroupName": "ad group",
    "adGroupId": "ad group",
    "adId": "ad",
    "targetingText": "target",
    "targetingExpression": "target",
    "targetId": "target",
    "asin": "advertised product",
    "otherAsin": "purchased product",
    "matchedTarget": "matched target",
    "costType": "cost type",
    "profile_id": "profile",
    "accountName": "account",
    "countryCode": "country",
}


@dataclass(frozen=True)
class GroupedRows:
    """Rows with a column that holds the number of their group.

    Attributes
    ----------
    rows : pandas.DataFrame
    column : str
        The column with the numbers.
    keys : list
        What the groups are made by, such as an id, by number; of all others together None.
    names : list
        Their names, by number.
    other_name : str or None
        The name of the last group, if it is all others together.
    other_count : int
        How many these are.
    """

    rows: pd.DataFrame
    column: str
    keys: list[Any]
    names: list[Any]
    other_name: str | None = None
    other_count: int = 0

    @property
    def special_names(self) -> list[str]:
        """The names that are not somebody's."""
        if self.other_name is None:
            return [_NO_NAME]
        return [_NO_NAME, self.other_name]


def word_groups(by: str) -> str:
    """Return what the values of a column are called in a title."""
    return _KINDS.get(by, by)


def word_shown_groups(shown: int, total: int, by: str) -> str:
    """Return how many groups are shown, such as "5 of 300 campaigns"."""
    return f"{shown} of {total} {word_groups(by)}s"


def validate_names(names: object) -> Mapping[Any, Any]:
    """Return the names that a user gives for ids or values, as a mapping.

    Raises
    ------
    InvalidRequest
        When it is no mapping, and no Series.
    """
    if names is None:
        return {}
    if isinstance(names, pd.Series):
        return names.to_dict()
    if isinstance(names, Mapping):
        return names
    raise InvalidRequest(
        f"names must be a mapping such as {{'B0EXAMPLE1': 'Tent, 2 persons'}}, "
        f"got {type(names).__name__}"
    )


def factorize(data: pd.DataFrame, by: str, column: str, names: object = None) -> GroupedRows:
    """Number the values of a column, missing ones included.

    Where the column has names of campaigns, ad groups or targets, and the frame their ids, the
    groups are those of the ids. Groups have numbers rather than names because rows without a name
    are drawn, too, and the text that is drawn for them could be the name of a campaign.

    Parameters
    ----------
    data : pandas.DataFrame
    by : str
        A column.
    column : str
        The name of the column to add.
    names : mapping, optional
        The name of a group by its id or value, in place of what the frame has.
    """
    given = validate_names(names)
    key = _choose_key(data, by)
    codes, values = pd.factorize(data[key], use_na_sentinel=False)
    keys = values.tolist()
    labels = [display_name(value) for value in keys]
    latest = LatestRows(data, RowGroups(codes, pd.DataFrame(index=range(len(keys)))))
    for code, text in _latest_texts(latest, data, NAME_BY_ID.get(by, by)).items():
        labels[code] = display_name(text)
    for code, value in enumerate(keys):
        name = given.get(value, given.get(labels[code]))
        if name is not None:
            labels[code] = str(name)
    _tell_apart(data, latest, labels)
    if key in NAME_BY_ID:
        for code in _find_repeated(labels):
            ending = str(keys[code])[-_ID_ENDING:]
            labels[code] = f"{labels[code]} …{ending}"
    rows = data.copy(deep=False)
    rows[column] = codes
    return GroupedRows(rows, column, keys, labels)


def _choose_key(data: pd.DataFrame, by: str) -> str:
    """Return the column of ids for a column of names, if the frame has all of them."""
    key = ID_BY_NAME.get(by, by)
    if key not in data or data[key].isna().any():
        return by
    return key


def _latest_texts(latest: LatestRows, data: pd.DataFrame, column: str) -> dict[int, Any]:
    """Return the latest text of each group that has one: a campaign is called what it was last."""
    if column not in data:
        return {}
    texts = enumerate(latest.take(column).tolist())
    return {code: text for code, text in texts if not pd.isna(text)}


def _tell_apart(data: pd.DataFrame, latest: LatestRows, labels: list[Any]) -> None:
    """Add to names that several groups have what tells these apart: the ad group and the like."""
    for column in _CONTEXTS:
        repeated = _find_repeated(labels)
        if not repeated:
            return
        texts = _latest_texts(latest, data, column)
        if len({texts.get(code) for code in repeated}) == 1:
            continue
        for code in repeated:
            if code in texts:
                labels[code] = f"{labels[code]} · {texts[code]}"


def _find_repeated(labels: list[Any]) -> list[int]:
    """Return the positions of the labels that occur more than once."""
    counts = Counter(labels)
    repeated = []
    for code, label in enumerate(labels):
        if counts[label] > 1:
            repeated.append(code)
    return repeated


def display_name(value: Any) -> Any:
    """Return a value as a figure names it: days as text, and missing values."""
    if pd.isna(value):
        return _NO_NAME
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    return value


def rank_groups(groups: GroupedRows, ranking_metric: str, n: int) -> GroupedRows:
    """Number the groups by rank; all after the n largest are one group, the last."""
    column = groups.column
    totals = sort_totals(groups, [ranking_metric])
    ranked_codes = totals[column].tolist()
    rank_by_code = np.zeros(len(groups.names), dtype="int64")
    rank_by_code[ranked_codes] = np.minimum(np.arange(len(ranked_codes)), n)
    rows = groups.rows.copy(deep=False)
    rows[column] = rank_by_code[rows[column]]
    largest = ranked_codes[:n]
    keys = [groups.keys[code] for code in largest]
    names = [groups.names[code] for code in largest]
    other_count = len(ranked_codes) - n
    if other_count <= 0:
        return GroupedRows(rows, column, keys, names)
    other_name = word_others(other_count)
    return GroupedRows(
        rows=rows,
        column=column,
        keys=[*keys, None],
        names=[*names, other_name],
        other_name=other_name,
        other_count=other_count,
    )


def sort_totals(groups: GroupedRows, metrics: Sequence[str]) -> pd.DataFrame:
    """Aggregate by group, and sort by the first metric: the largest first, missing last."""
    totals = aggregate(groups.rows, metrics, groups.column)
    return totals.sort_values(metrics[0], ascending=False, kind="stable")


def word_others(count: int) -> str:
    """Return the name of all groups that are not drawn one by one."""
    if count == 1:
        return "1 other"
    return f"{count} others"


def drop_others(groups: GroupedRows) -> GroupedRows:
    """Drop the rows of the last group, if it is all others together."""
    if groups.other_name is None:
        return groups
    count = len(groups.names) - 1
    is_largest = groups.rows[groups.column] < count
    return GroupedRows(
        rows=groups.rows[is_largest],
        column=groups.column,
        keys=groups.keys[:count],
        names=groups.names[:count],
    )

"""Converting tables to frames: the same values for any chunks, and writable frames."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
import pyarrow as pa
import pytest

from sdanalytics.model.dtypes import arrow_schema, table_to_frame

COLUMNS = ("campaignId", "clicks", "cost", "campaignName", "costType", "currency")
VALUES = {
    "campaignId": [2**53 + 1, None, -(2**63), 3],
    "clicks": [0, 1, 2, None],
    "cost": [0.5, None, -0.0, 3.25],
    "campaignName": ["☃", None, "", "b"],
    "costType": ["CPC", "CPC", None, "NEW"],
    "currency": [None, "USD", "EUR", "USD"],
}


def table() -> pa.Table:
    return pa.table(VALUES, arrow_schema(COLUMNS))


@pytest.mark.parametrize("cuts", [[], [2], [0, 1, 1, 3]])
def test_chunks_make_no_difference(cuts: list[int]) -> None:
    whole = table()
    edges = [0, *cuts, len(whole)]
    parts = [whole.slice(a, b - a) for a, b in pairwise(edges)]
    frame = table_to_frame(pa.concat_tables(parts))
    assert frame.astype(object).where(frame.notna(), None).to_dict("list") == VALUES
    pd.testing.assert_frame_equal(frame, table_to_frame(table()))


def test_a_slice_of_a_table_keeps_its_rows() -> None:
    frame = table_to_frame(table().slice(1, 2))
    assert frame["campaignId"].tolist() == [pd.NA, -(2**63)]
    assert frame["clicks"].tolist() == [1, 2]
    assert frame["cost"].isna().tolist() == [True, False]


def test_values_can_be_set() -> None:
    frame = table_to_frame(table())
    frame.loc[0, "campaignId"] = 7
    frame.loc[0, "clicks"] = pd.NA
    frame.loc[0, "cost"] = 0.25
    frame.loc[1, "clicks"] = 9
    assert frame["campaignId"].tolist() == [7, pd.NA, -(2**63), 3]
    assert frame["clicks"].tolist() == [pd.NA, 9, 2, pd.NA]
    frame.loc[0, "currency"] = "USD"
    frame.loc[2, "costType"] = "VCPM"
    assert frame["cost"].tolist()[0] == 0.25
    assert frame["currency"].tolist() == ["USD", "USD", "EUR", "USD"]
    assert frame["costType"].tolist() == ["CPC", "CPC", "VCPM", "NEW"]

"""CSV and Parquet files of frames, as other programs read them."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.csv as arrow_csv
import pytest

from sdanalytics.delivery.flat_files import write_csv, write_parquet
from sdanalytics.errors import InvalidRequest
from tests.support.rows import small
from tests.support.samples import sample_frame

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_texts(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("record_type", ["campaigns", "asins"])
@pytest.mark.parametrize("for_excel", [False, True])
def test_a_frame_can_be_read_back(tmp_path: Path, record_type: Any, for_excel: bool) -> None:
    df = sample_frame(record_type, 3, 1)
    path = write_csv(tmp_path / "rows.csv", df, for_excel=for_excel)
    read = pd.read_csv(path, parse_dates=["date"], dtype=dict.fromkeys(df.columns[2:], "object"))
    for name, column in df.items():
        known = column.notna()
        assert read[name].notna().tolist() == known.tolist()
        assert read[name][known].astype(column.dtype).tolist() == column[known].tolist()
    assert path.read_bytes().startswith(BYTE_ORDER_MARK) == for_excel


def test_ids_are_in_quotes_and_days_have_no_time(tmp_path: Path) -> None:
    df = sample_frame("campaigns", 1, 1).head(1)
    line = write_csv(tmp_path / "rows.csv", df).read_text("utf-8").splitlines()[1]
    assert line.startswith(f'2026-11-19,"T00020","{df["campaignId"][0]}","')
    assert f",{df['impressions'][0]}," in line
    options = arrow_csv.ConvertOptions(column_types={"campaignId": "string"})
    table = arrow_csv.read_csv(tmp_path / "rows.csv", convert_options=options)
    assert table["campaignId"].to_pylist() == df["campaignId"].astype("str").tolist()


def test_formulas_are_guarded_for_spreadsheets_only(tmp_path: Path) -> None:
    names = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "a=1", "", None]
    df = small(campaignName=names, cost=[-1.0] * len(names)).assign(**{"=1": 1})
    guarded = read_texts(write_csv(tmp_path / "excel.csv", df, for_excel=True))
    assert guarded[0] == ["date", "campaignName", "cost", "'=1"]
    expected = [f"'{name}" for name in names[:7] if name] + ["a=1", "", ""]
    assert [row[1] for row in guarded[1:]] == expected
    assert {row[2] for row in guarded[1:]} == {"-1"}
    plain = read_texts(write_csv(tmp_path / "plain.csv", df))
    assert [row[1] for row in plain[1:]] == [name or "" for name in names]
    assert plain[0][3] == "=1"


def test_odd_columns_are_written(tmp_path: Path) -> None:
    df = pd.DataFrame(
        {
            "at": pd.Series(["2026-11-01T21:30:15Z", "NaT"], dtype="datetime64[s, UTC]"),
            "list": [[1], None],
            "flag": pd.array([True, None], dtype="boolean"),
            7: [9007199254740993, 1],
        }
    )
    rows = read_texts(write_csv(tmp_path / "rows.csv", df))
    assert rows[0] == ["at", "list", "flag", "7"]
    assert datetime.fromisoformat(rows[1][0]) == df["at"][0]
    assert rows[1][1:] == ["[1]", "true", "9007199254740993"]
    assert rows[2] == ["", "", "", "1"]


def test_parquet_keeps_metadata_and_types(tmp_path: Path) -> None:
    df = sample_frame("targets", 3, 1)
    read = pd.read_parquet(write_parquet(tmp_path / "rows.parquet", df))
    assert read.attrs == df.attrs
    pd.testing.assert_frame_equal(read, df.astype({"date": "datetime64[ms]"}))


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_paths_are_tried_first(tmp_path: Path, write: Any) -> None:
    suffix = ".csv" if write is write_csv else ".parquet"
    with pytest.raises(InvalidRequest, match=f"must end in {suffix}"):
        write(tmp_path / "rows.txt", sample_frame())
    with pytest.raises(InvalidRequest, match="there is no folder"):
        write(tmp_path / "no" / f"rows{suffix}", sample_frame())
    assert not list(tmp_path.iterdir())


def test_rounded_ids_are_not_written(tmp_path: Path) -> None:
    df = sample_frame().astype({"campaignId": "float64"})
    with pytest.raises(InvalidRequest, match="campaignId must hold whole numbers"):
        write_csv(tmp_path / "rows.csv", df)

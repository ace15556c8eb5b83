"""Frames as workbooks, judged by openpyxl."""

from __future__ import annotations

import re
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from openpyxl.utils.escape import unescape

import sdanalytics as sda
from sdanalytics import ReportCache
from sdanalytics.errors import InvalidRequest, MissingDependency
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS
from tests.support.books import open_book, read_about, read_rows, read_values
from tests.support.curves import make_curve, shares
from tests.support.rows import small
from tests.support.samples import GERMANY, JAPAN, US, sample_frame, store_samples

WEEKS = ("2026-11-06", "2026-11-12"), ("2026-11-13", "2026-11-19")
FORMULAS = ['=HYPERLINK("http://a.example","x")', "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"]
RESULTS = ("orders", "sales", "units", "ntb_orders", "ntb_sales", "page_views")
TRAFFIC = ("impressions", "clicks", "cost")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.xlsx"


@pytest.fixture(scope="module")
def curve() -> pd.DataFrame:
    results = {name: shares(0.5) for name in RESULTS}
    traffic = {name: shares(1.01) for name in TRAFFIC}
    return make_curve(dict.fromkeys(("CPC", "VCPM"), results | traffic))


def several_currencies() -> pd.DataFrame:
    frames = [sample_frame("campaigns", 2, 1, profile_id=p) for p in (US, GERMANY, JAPAN)]
    return pd.concat(frames, ignore_index=True)


def total_of(path: Path, sheet: str) -> dict[str, Any]:
    row = read_rows(open_book(path)[sheet])[-1]
    return {name: cell.value for name, cell in row.items() if cell.value is not None}


@pytest.mark.parametrize("record_type", ["campaigns", "targets", "asins"])
def test_values_are_exact_and_of_their_types(path: Path, record_type: Any) -> None:
    df = sample_frame(record_type, 3, 1)
    assert sda.to_excel(path, df) == path
    read = read_values(open_book(path)["report"]).head(len(df))
    assert set(read) == set(df)
    for name, column in df.items():
        found = read[name]
        known = column.notna()
        assert found.notna().tolist() == known.tolist()
        if str(name).endswith("Id"):
            assert found.tolist() == column.astype("str").tolist()
            assert found.map(len).max() == 18
        elif name == "date":
            assert found.tolist() == column.dt.to_pydatetime().tolist()
        elif pd.api.types.is_numeric_dtype(column):
            assert found[known].map(float).tolist() == pytest.approx(column[known].tolist())
        else:
            assert found[known].tolist() == column[known].tolist()


def test_whole_numbers_of_any_column_stay_exact(path: Path) -> None:
    df = pd.DataFrame({"order": [9007199254740993, 1], "n": [123456789012345, 2]})
    sda.to_excel(path, df)
    read = read_values(open_book(path)["report"])
    assert read["order"].tolist() == ["9007199254740993", "1"]
    assert read["n"].tolist() == [123456789012345, 2]


def test_rounded_ids_are_refused(path: Path) -> None:
    df = pd.DataFrame({"campaignId": [302123456789012345.0, None]})
    with pytest.raises(InvalidRequest, match="campaignId must hold whole numbers, got float64"):
        sda.to_excel(path, df)
    sda.to_excel(path, pd.DataFrame({"campaignId": [302123456789.0, None], "n": 1}))
    read = read_values(open_book(path)["report"])
    assert read["campaignId"].tolist() == ["302123456789", None]


@pytest.mark.parametrize(
    ("profile_id", "cost", "cpc"),
    [
        (US, "[$USD] #,##0.00", "[$USD] #,##0.00"),
        (GERMANY, "[$EUR] #,##0.00", "[$EUR] #,##0.00"),
        (JAPAN, "[$JPY] #,##0", "[$JPY] #,##0.00"),
    ],
)
def test_numbers_are_shown_in_their_units(path: Path, profile_id: int, cost: str, cpc: str) -> None:
    df = sample_frame("campaigns", 2, 1, profile_id=profile_id)
    sda.to_excel(path, sda.summarize(df, "campaignId", freq="D"))
    row = read_rows(open_book(path)["report"])[0]
    formats = {name: cell.number_format for name, cell in row.items()}
    assert formats["cost"] == cost
    assert formats["cpc"] == cpc
    assert formats["acos"] == formats["ctr"] == "0.00%"
    assert formats["clicks"] == "#,##0"
    assert formats["date"] == "yyyy-mm-dd"
    assert formats["campaignId"] == "@"


def test_the_total_is_that_of_summarize(path: Path) -> None:
    df = sample_frame()
    expected = sda.summarize(df).iloc[0]
    by_campaign = sda.summarize(df, "campaignName")
    own = sda.summarize(df, "campaignName", total=True)
    sda.to_excel(path, {"rows": sda.add_kpis(df), "sums": by_campaign, "own": own})
    for sheet in ("rows", "sums", "own"):
        total = total_of(path, sheet)
        assert total["campaignName"] == "total"
        for name in ("cost", "orders", "sales", "acos", "roas", "ctr", "cvr", "cpc"):
            assert total[name] == pytest.approx(expected[name]), (sheet, name)
        assert "campaignBudget" not in total  # is not added up
    assert open_book(path)["own"].max_row == len(own) + 1


def test_currencies_are_never_added_up(path: Path) -> None:
    df = several_currencies()
    sda.to_excel(path, df)
    rows = read_rows(open_book(path)["report"])
    totals = rows[len(df) :]
    assert [row["campaignName"].value for row in totals] == ["total EUR", "total JPY", "total USD"]
    for code, row in zip(("EUR", "JPY", "USD"), totals, strict=True):
        expected = df.loc[df["currency"] == code, "cost"].sum()
        assert row["cost"].value == pytest.approx(expected)
        assert row["cost"].number_format.startswith(f"[${code}]")
    for row in rows[: len(df)]:
        assert row["cost"].number_format.startswith(f"[${row['currency'].value}]")


def test_a_comparison_has_the_changes_of_its_totals(path: Path) -> None:
    df = sample_frame()
    with pytest.warns(sda.ImmatureWarning):
        by_name = sda.compare(df, *WEEKS, by="campaignName")
    with pytest.warns(sda.ImmatureWarning):
        expected = sda.compare(df, *WEEKS).iloc[0]
    sda.to_excel(path, by_name)
    total = total_of(path, "report")
    for metric in ("cost", "orders", "acos", "ctr"):
        for side in ("a", "b", "change", "change_share"):
            name = f"{metric}_{side}"
            assert total[name] == pytest.approx(expected[name]), name
    row = read_rows(open_book(path)["report"])[0]
    assert row["acos_change"].number_format == "+0.00%;-0.00%;0.00%"
    assert row["cost_change_share"].number_format == "+0.00%;-0.00%;0.00%"
    assert row["cost_change"].number_format.startswith("+[$USD]")


def test_contributions_add_up_to_the_change_in_the_total(path: Path) -> None:
    df = sample_frame()
    with pytest.warns(sda.ImmatureWarning):
        why = sda.explain(df, *WEEKS)
    with pytest.warns(sda.ImmatureWarning):
        factors = sda.explain(df, *WEEKS, metric="cpa", by=None)
    sda.to_excel(path, {"why": why, "factors": factors})
    total = total_of(path, "why")
    assert total["contribution"] == pytest.approx(total["acos_b"] - total["acos_a"])
    formats = {
        row["factor"].value: row["value_a"].number_format
        for row in read_rows(open_book(path)["factors"])
        if row["factor"].value
    }
    assert formats["cvr"] == "0.00%"
    assert formats["cpc"] == "[$USD] #,##0.00"
    contribution = read_rows(open_book(path)["factors"])[0]["contribution"]
    assert contribution.number_format.startswith("+[$USD]")


def test_recommendations_and_pacing_have_their_units(path: Path) -> None:
    df = sample_frame("targets", 14, 1)
    actions = sda.recommend(df, target_acos=0.3)
    month = sda.pacing(sample_frame("campaigns", 19, 1))
    sda.to_excel(path, {"actions": actions, "month": month})
    book = open_book(path)
    formats: dict[str, str] = {}
    for sheet in ("actions", "month"):
        row = read_rows(book[sheet])[0]
        formats |= {name: cell.number_format for name, cell in row.items()}
    money = "[$USD] #,##0.00"
    for name in ("waste", "expected_sales", "cost_forecast_low", "budget", "daily_rate"):
        assert formats[name] == money, name
    for name in ("p_above_target", "budget_share", "acos"):
        assert formats[name] == "0.00%", name
    assert book["month"].max_row == len(month) + 1  # it has a total of its own
    meanings = read_values(book["Columns"]).set_index("column")["meaning"]
    assert meanings.loc[[*actions, *month]].notna().all()
    contents = [row[1].value for row in book["About"].iter_rows() if row[0].value == "contents"]
    assert contents == ["recommendations of targets", "pacing of a month of campaigns"]


def test_versions_of_days_are_not_added_up(path: Path, store: ReportCache) -> None:
    store_samples(store, first=2)
    history = store.history("campaigns", "2026-11-18")
    sda.to_excel(path, {"history": history, "entries": store.entries()})
    book = open_book(path)
    assert book.sheetnames == ["About", "history (2)", "entries", "Columns"]
    assert book["history (2)"].max_row == len(history) + 1
    fetched_at = read_values(book["entries"])["fetched_at"]
    assert fetched_at.tolist() == [datetime(2026, 11, 20, 18)] * len(store.entries())


def test_names_cannot_smuggle_formulas(path: Path) -> None:
    count = len(FORMULAS)
    df = small(
        tactic=["T00020"] * count, campaignName=FORMULAS, cost=[1.0] * count, clicks=[2] * count
    )
    df.attrs["sdanalytics"] = {"currency": "USD", "account_name": FORMULAS[0]}
    df = df.assign(**{"=1+1": "x"})
    sda.to_excel(path, {"=1+1": df})
    book = open_book(path)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    names = [row["campaignName"] for row in read_rows(book["=1+1"])][:count]
    assert [unescape(cell.value) for cell in names] == FORMULAS
    assert all(cell.quotePrefix for cell in names)
    with zipfile.ZipFile(path) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        assert sheets
        for name in sheets:
            assert not re.search(r"<f[ >/]", archive.read(name).decode())
        charts = [name for name in archive.namelist() if name.startswith("xl/charts/chart")]
        for name in charts:  # cells of the sheet of charts, and nothing else
            formulas = re.findall(r"<c:f>(.*?)</c:f>", archive.read(name).decode())
            assert formulas
            assert all(re.fullmatch(r"Charts!\$[A-Z]\$\d+(:\$[A-Z]\$\d+)?", f) for f in formulas)


def test_final_numbers_are_those_of_summarize(path: Path, curve: pd.DataFrame) -> None:
    df = sample_frame()
    by_campaign = sda.summarize(df, "campaignName")
    sda.to_excel(path, {"rows": df, "sums": by_campaign}, final=curve)
    expected = sda.summarize(df, final=curve).iloc[0]
    total = total_of(path, "rows")
    for name in ("sales", "acos"):
        for ending in ("", "_final", "_final_low", "_final_high"):
            assert total[name + ending] == pytest.approx(expected[name + ending])
    assert total["maturity"] == pytest.approx(expected["maturity"])
    forecast = sda.forecast_final(df, curve)
    rows = read_values(open_book(path)["rows"]).head(len(df))
    known = forecast["sales_final"].notna()
    assert rows["sales_final"][known].tolist() == pytest.approx(
        forecast["sales_final"][known].tolist()
    )
    assert "sales_final" not in read_values(open_book(path)["sums"])
    assert f"about {expected['maturity']:.0%} of the final orders" in str(
        [cell.value for row in open_book(path)["About"].iter_rows() for cell in row]
    )
    header = [cell.value for cell in open_book(path)["Charts"][2]]
    assert header[:4] == ["date", "cost", "sales", "sales_final"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda df: sda.summarize(df, "campaignName"), "final must be left out"),
        (lambda df: sda.summarize(df, freq="W"), "report: the rows must be of single days"),
        (lambda df: df, "report: the curve must be of the frame's profile_id"),
    ],
)
def test_final_numbers_that_do_not_fit_are_refused(
    path: Path, curve: pd.DataFrame, make: Any, message: str
) -> None:
    df = sample_frame(profile_id=GERMANY)
    with pytest.raises(InvalidRequest, match=message):
        sda.to_excel(path, make(df), final=curve)
    assert not list(path.parent.iterdir())


def test_the_first_sheet_says_whose_numbers_they_are(path: Path) -> None:
    df = sample_frame()
    df.attrs["sdanalytics"]["rows_alike"] = 3
    sda.to_excel(path, df)
    book = open_book(path)
    assert book.sheetnames == ["About", "Charts", "report", "Columns"]
    about = read_about(path)
    assert about["account"] == ADVERTISERS[US].name
    assert about["profile"] == str(US)
    assert about["contents"] == "report of campaigns"
    assert about["days"] == "2026-11-06 to 2026-11-19 (14 days)"
    assert about["fetched"] == "on 2026-11-20"
    assert about["currency"] == "USD"
    assert "from 2026-11-06 on were still arriving" in about["ripeness"]
    assert "3 rows are alike" in about["mind"]
    meanings = read_values(book["Columns"]).set_index("column")["meaning"]
    assert set(meanings.index) == set(df)
    assert meanings.notna().all()
    sda.to_excel(path, pd.concat([df, sample_frame("campaigns", 20, 16)]))
    assert "lost its metadata" in read_about(path)["fetched"]


def test_comparisons_and_explanations_say_their_periods(path: Path) -> None:
    with pytest.warns(sda.ImmatureWarning):
        why = sda.explain(sample_frame(), *WEEKS)
    sda.to_excel(path, why)
    about = read_about(path)
    assert about["contents"] == "why ACOS changed, by campaignName of campaigns"
    assert about["days"].startswith("a: 2026-11-06 to 2026-11-12 (7 of 7 days), b: 2026-11-13")


def test_a_sheet_can_be_filtered_and_read_while_scrolling(path: Path) -> None:
    df = sample_frame().assign(cost=123_456.78)
    sda.to_excel(path, df)
    sheet = open_book(path)["report"]
    assert [cell.value for cell in sheet[1]][:3] == ["date", "campaignName", "tactic"]
    assert sheet.freeze_panes == "C2"
    assert sheet.auto_filter.ref == f"A1:X{len(df) + 1}"  # without the total
    assert sheet.max_row == len(df) + 2
    widths = {cell.value: sheet.column_dimensions[cell.column_letter].width for cell in sheet[1]}
    assert widths["campaignId"] > 18  # else numbers are shown as ###
    total = df["impressions"].sum()
    assert widths["impressions"] > len(f"{total:,}")
    assert widths["cost"] > len(f"USD {df['cost'].sum():,.2f}")


def test_charts_have_the_trend_and_the_largest(path: Path) -> None:
    df = sample_frame()
    sda.to_excel(path, df)
    sheet = open_book(path)["Charts"]
    assert [type(chart).__name__ for chart in sheet._charts] == ["LineChart", "BarChart"]
    cells = [[cell.value for cell in row[:3]] for row in sheet.iter_rows()]
    daily = df.groupby("date")["cost"].sum()
    assert [row[0] for row in cells[2:16]] == [pd.Timestamp(day) for day in daily.index.tolist()]
    assert [row[1] for row in cells[2:16]] == pytest.approx(daily.tolist())
    start = cells.index(["campaignName", "cost", "sales"]) + 1
    largest = sda.summarize(df, "campaignName").nlargest(10, "cost")
    assert [row[0] for row in cells[start : start + 10]] == largest["campaignName"].tolist()
    assert [row[2] for row in cells[start : start + 10]] == pytest.approx(largest["sales"].tolist())
    assert sheet._charts[1].y_axis.scaling.min == 0  # the length of a bar is its value


def test_weeks_that_are_not_whole_are_not_drawn(path: Path) -> None:
    """A line would fall at its ends, where days are missing."""
    weekly = sda.summarize(sample_frame("campaigns", 25, 1), freq="W")
    assert not weekly["is_whole"].all()
    sda.to_excel(path, weekly)
    days = [row[0].value for row in open_book(path)["Charts"].iter_rows(min_row=3)]
    drawn = [day for day in days if day is not None]
    assert drawn == weekly.loc[weekly["is_whole"], "date"].dt.to_pydatetime().tolist()


@pytest.mark.parametrize(
    ("titles", "names"),
    [
        (["a/b\\c", "[x]", "q?*:"], ["a-b-c", "-x-", "q---"]),
        (["x" * 40, "x" * 41, "X" * 42], ["x" * 31, "x" * 27 + " (2)", "X" * 27 + " (3)"]),
        (["about", "History", "Charts", ""], ["about (2)", "History (2)", "Charts (2)", "sheet"]),
        (["'quoted'", " ' "], ["quoted", "sheet"]),
        (["\U0001f3d5" * 20], ["\U0001f3d5" * 15]),  # each takes the room of two characters
    ],
)
def test_names_of_sheets_are_made_valid(path: Path, titles: list[str], names: list[str]) -> None:
    sda.to_excel(path, {title: small(clicks=[1]) for title in titles})
    assert open_book(path).sheetnames[1 : len(names) + 1] == names


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no/such/folder/book.xlsx", "there is no folder"),
        ("book.xls", "path must end in .xlsx"),
        ("folder.xlsx", "Is a directory"),
        ("file.csv/book.xlsx", "there is no folder"),
        (f"{'x' * 300}.xlsx", "name too long"),
        ("a\0b.xlsx", "null"),
        ("", "path must"),
        (7, "path must be that of a file"),
    ],
)
def test_paths_that_cannot_be_written_are_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("folder.xlsx").mkdir()
    tmp_path.joinpath("file.csv").write_text("")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InvalidRequest, match=message):
        sda.to_excel(name, sample_frame(), final=True)  # that of the default cache, which has none
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_is_replaced_whole_or_not_at_all(path: Path) -> None:
    path.write_bytes(b"what was there")
    path.chmod(0o640)
    too_long = pd.DataFrame({"clicks": np.zeros(1_048_576)})
    with pytest.raises(InvalidRequest, match=r"room for 1,048,574 rows here, got 1,048,576"):
        sda.to_excel(path, {"fits": small(clicks=[1]), "too long": too_long})
    assert path.read_bytes() == b"what was there"
    assert list(path.parent.iterdir()) == [path]
    link = path.with_name("link.xlsx")
    link.symlink_to(path)
    sda.to_excel(link, small(clicks=[1]))
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert open_book(path)["report"]["B2"].value == 1
    assert sorted(path.parent.iterdir()) == [path, link]


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on the size of files")
@pytest.mark.parametrize("limit", [2_000, 12_000])
def test_a_full_disk_leaves_nothing_behind(path: Path, limit: int) -> None:
    """While rows are written, and while they are packed."""
    import resource

    df = sample_frame("campaigns", 1, 1)  # fetched before files are limited
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            sda.to_excel(path, df)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert not list(path.parent.iterdir())


def test_a_missing_package_is_said_before_all_else(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(MissingDependency, match="to_excel needs the package xlsxwriter"):
        sda.to_excel(path.with_suffix(".xls"), "no frame")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "at least one frame"),
        (pd.DataFrame(), "report: the frame must have at least one column"),
        ([1], "report: the data must be a pandas DataFrame, got list"),
        ({"x": None}, "x: the data must be"),
        ({1: small(clicks=[1])}, "the names of sheets must be text"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "column names must be unique"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "one level"),
        (pd.DataFrame([[1, 2]], columns=["1", 1]), "report: column names must be unique"),
        (small(clicks=[1]).set_index("clicks", drop=False), "report: column names must be unique"),
        (pd.DataFrame(np.zeros((1, 16_385))), "room for 16,384 columns"),
    ],
)
def test_what_is_no_frame_for_a_sheet_is_refused(path: Path, data: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        sda.to_excel(path, data)
    assert not path.exists()


def test_odd_values_are_written_as_they_are(path: Path) -> None:
    df = pd.DataFrame(
        {
            "ratio": [np.inf, -np.inf, np.nan, 0.25],
            "flag": pd.array([True, False, None, True], dtype="boolean"),
            "when": pd.Series(["2026-11-01T23:30+02:00"] + 3 * ["NaT"], dtype="datetime64[s, UTC]"),
            "old": pd.Series(["1850-01-01"] + 3 * ["NaT"], dtype="datetime64[s]"),
            "text": pd.Series(
                ["\x00\x1b[31m", "_x0041_", "\ud83d", "http://a.example"], dtype=object
            ),
            "list": [[1, 2], {}, None, "x"],
            0: [1, 2, 3, 4],
        }
    )
    sda.to_excel(path, df)
    read = read_values(open_book(path)["report"])
    assert read["ratio"].tolist() == ["inf", "-inf", None, 0.25]
    assert read["flag"].tolist() == [True, False, None, True]
    assert read["when"].tolist() == [datetime(2026, 11, 1, 21, 30), None, None, None]
    assert str(read["old"][0]).startswith("1850-01-01")
    assert read["list"].tolist() == ["[1, 2]", "{}", None, "x"]
    assert read["0"].tolist() == [1, 2, 3, 4]
    texts = read["text"].map(unescape).tolist()
    assert texts == ["\x00\x1b[31m", "_x0041_", "?", "http://a.example"]


@pytest.mark.parametrize("record_type", ["campaigns", "targets"])
def test_empty_frames_have_a_header(path: Path, record_type: Any) -> None:
    empty = sample_frame(record_type).head(0)
    sda.to_excel(path, empty)
    sheet = open_book(path)["report"]
    assert sheet.max_row == 1
    assert {cell.value for cell in sheet[1]} == set(empty)
    assert "Charts" not in open_book(path).sheetnames


def test_an_index_with_a_name_is_a_column(path: Path) -> None:
    df = sample_frame()
    sda.to_excel(path, df.groupby("campaignId")[["clicks"]].sum())
    *rows, total = read_values(open_book(path)["report"])["campaignId"]
    assert rows == sorted(df["campaignId"].astype("str").unique())
    assert total == "total"

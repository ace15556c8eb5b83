"""What `ReportPicker` shows of a report: comparisons, campaigns, targets, themes, and files."""

from __future__ import annotations

import base64
import io
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from matplotlib.image import imread

import sdanalytics as sda
from sdanalytics.sandbox import ScriptedResponse
from sdanalytics.widgets.shown_report import find_period_before
from tests.support.box import Box
from tests.support.pickers import SECONDS, fetched, visible_text

pytestmark = pytest.mark.slow

DARK = {"background": "#111111", "text": "#eeeeee", "faint": "#444444"}
VENDOR = "2750418263940173"


def compared(picker: Any, client: sda.Client) -> pd.DataFrame:
    """Tick the box, wait, and return what `compare` gives for the same days."""
    picker.compare.value = True
    assert picker.wait(SECONDS)
    names: dict[str, Any] = {"client": client}
    with pytest.warns(sda.ImmatureWarning):
        exec(picker.code, names)
    pd.testing.assert_frame_equal(names["df"], picker.data)
    change: pd.DataFrame = names["change"]
    return change


def picture(picker: Any) -> tuple[str, Any]:
    """Return the alternative text of the figure, and its pixels."""
    found = re.search(r'<img alt="([^"]*)"[^>]*base64,([^"]*)">', picker.result.figure.value)
    assert found, visible_text(picker.result.figure)
    pixels = np.asarray(imread(io.BytesIO(base64.b64decode(found[2])), format="png"))
    return found[1], pixels


def table(picker: Any) -> pd.DataFrame:
    """Return the rows that the browser gets."""
    content = picker.result.table.content
    names = [column["name"] for column in content["columns"]]
    return pd.DataFrame(content["rows"], columns=names)


def total(picker: Any) -> pd.Series[Any]:
    content = picker.result.table.content
    names = [column["name"] for column in content["columns"]]
    return pd.Series(content["total"], index=names)


class TestComparison:
    def test_the_table_has_both_periods_and_the_changes(self, box: Box, picker: Any) -> None:
        fetched(picker)
        change = compared(picker, box.client).set_index("campaignName")
        shown = table(picker).set_index("campaignName")
        assert set(shown.index) == set(change.index)
        for name in ("cost_a", "cost_b", "cost_change_share", "acos_b", "acos_change_share"):
            expected = change[name].astype("float64").reindex(shown.index)
            assert shown[name].tolist() == pytest.approx(expected.tolist(), nan_ok=True), name
        groups = [column["group"] for column in picker.result.table.content["columns"]]
        assert groups[:4] == ["", "cost", "cost", "cost"]
        cost_a = change["cost_a"].sum()
        cost_b = change["cost_b"].sum()
        assert total(picker)["cost_change_share"] == pytest.approx(cost_b / cost_a - 1)

    def test_the_period_before_ends_where_the_selected_one_begins(
        self, box: Box, picker: Any
    ) -> None:
        fetched(picker)
        compared(picker, box.client)
        before = f"{box.day(28)} to {box.day(15)}"
        assert picture(picker)[0] == f"trend, metric cost, by campaignName, compared with {before}"
        assert visible_text(picker.status).endswith(f"; compared with {before}")
        assert len(picker.data["date"].unique()) == 14

    def test_both_periods_are_fetched_at_once_if_it_is_ticked_before(
        self, box: Box, picker: Any
    ) -> None:
        picker.compare.value = True
        fetched(picker)
        assert f"compared with {box.day(28)}" in picture(picker)[0]
        picker.compare.value = False
        assert picture(picker)[0] == "trend, metric cost, by campaignName"
        assert "cost_change_share" not in table(picker)
        assert "sda.compare" not in picker.code
        assert "compared" not in visible_text(picker.status)

    def test_every_figure_shows_both_periods(self, box: Box, picker: Any) -> None:
        fetched(picker)
        compared(picker, box.client)
        figures = ("trend", "top", "waterfall", "efficiency", "funnel", "calendar")
        assert picker.result.plot.options == figures
        for name in figures:
            picker.result.plot.value = name
            text, pixels = picture(picker)
            assert text.startswith(name)
            assert "compared with" in text
            assert (pixels[:, :, :3] < 0.9).any(axis=2).mean() > 0.005
        picker.compare.value = False
        assert "waterfall" not in picker.result.plot.options

    def test_it_is_off_where_the_days_before_are_gone(self, box: Box, picker: Any) -> None:
        picker.start.value = picker.end.value = date.fromisoformat(box.day(60))
        assert picker.compare.disabled
        assert not picker.fetch_button.disabled
        assert "there is no comparison" in visible_text(picker.availability)
        picker.quick_ranges[0].click()
        assert not picker.compare.disabled

    def test_days_that_fail_leave_the_selected_ones_shown(self, box: Box, picker: Any) -> None:
        fetched(picker)
        box.sandbox.script_responses(
            "request_report", ScriptedResponse(403, b'{"code": "403", "details": "not you"}')
        )
        picker.compare.value = True
        assert picker.wait(SECONDS)
        assert "not you" in visible_text(picker.status)
        assert picture(picker)[0] == "trend, metric cost, by campaignName"
        fetched(picker)  # now the days before come, too
        assert "compared with" in picture(picker)[0]

    def test_young_results_are_said_to_be_young(self, box: Box, picker: Any) -> None:
        fetched(picker)
        assert visible_text(picker.result.notes) == ""
        compared(picker, box.client)
        assert "conversions of period_b were still arriving" in visible_text(picker.result.notes)
        assert picker.result.notes.value.count("still arriving") == 1
        assert 'role="status"' in picker.result.notes.value


class TestCampaigns:
    def test_figure_table_and_code_have_the_chosen_ones(self, box: Box, picker: Any) -> None:
        data = fetched(picker)
        options = picker.result.campaigns.list.options
        chosen = [value for value, title, _ in options if title.startswith("Tents")]
        whole = picture(picker)[1]
        picker.result.campaigns.list.value = chosen
        shown = table(picker)
        assert set(shown["campaignName"]) == {"Tents – Category", "Tents – Retargeting"}
        part = data[data["campaignId"].isin(list(map(int, chosen)))]
        assert total(picker)["cost"] == pytest.approx(part["cost"].sum())
        assert not np.array_equal(whole, picture(picker)[1])
        assert picker.data is data
        names: dict[str, Any] = {"client": box.client}
        exec(picker.code, names)
        pd.testing.assert_frame_equal(names["df"], data)
        pd.testing.assert_frame_equal(names["shown"], part)

    def test_none_chosen_means_all(self, picker: Any) -> None:
        data = fetched(picker)
        campaigns = picker.result.campaigns
        assert campaigns.toggle.description == "Campaigns: all"
        assert campaigns.clear_button.disabled
        campaigns.list.value = [campaigns.list.options[0][0]]
        assert campaigns.toggle.description == f"Campaigns: 1 of {len(campaigns.list.options)}"
        campaigns.clear_button.click()
        assert len(table(picker)) == data["campaignName"].nunique()
        assert "campaigns = [" not in picker.code

    def test_ids_are_whole_and_texts(self, picker: Any) -> None:
        data = fetched(picker)
        ids = {value for value, _, _ in picker.result.campaigns.list.options}
        assert ids == set(data["campaignId"].astype("str"))
        assert {len(value) for value in ids} == {18}
        picker.result.table_of.value = "rows"
        assert set(table(picker)["campaignId"]) == ids

    def test_they_stay_chosen_in_the_next_report_of_the_profile(self, picker: Any) -> None:
        fetched(picker)
        campaigns = picker.result.campaigns
        campaigns.list.value = [campaigns.list.options[0][0]]
        name = campaigns.list.options[0][1]
        picker.record_type.value = "targets"
        fetched(picker)
        assert campaigns.names == {campaigns.list.value[0]: name}
        picker.profile.value = VENDOR
        fetched(picker)
        assert campaigns.ids == []


class TestTarget:
    def test_it_is_marked_in_figure_and_table(self, picker: Any) -> None:
        fetched(picker)
        picker.result.plot.value, picker.result.plot_metric.value = "trend", "acos"
        without = picture(picker)[1]
        picker.result.target_acos.value = "30 %"
        assert not np.array_equal(without, picture(picker)[1])
        columns = {c["name"]: c for c in picker.result.table.content["columns"]}
        assert columns["acos"]["limit"] == 0.3
        assert columns["cost"]["limit"] is None

    def test_recommendations_are_those_of_the_library(self, picker: Any) -> None:
        data = fetched(picker)
        picker.result.table_of.value = "recommendations"
        assert "set the target ACOS" in visible_text(picker.result._table_size)
        assert table(picker).empty
        picker.result.target_acos.value = "30"
        expected = sda.recommend(data, target_acos=0.3, by="campaignName")
        assert table(picker)["campaignName"].tolist() == expected["campaignName"].tolist()
        assert table(picker)["action"].tolist() == expected["action"].tolist()

    @pytest.mark.parametrize("text", ["a lot", "0", "-3", "3000"])
    def test_anything_else_is_explained(self, picker: Any, text: str) -> None:
        fetched(picker)
        picker.result.target_acos.value = text
        assert "must be a number of per cent" in visible_text(picker.result.figure)
        picker.result.target_acos.value = ""
        picture(picker)


class TestFetchButton:
    def test_it_is_off_while_the_selection_cannot_be_had(self, box: Box, picker: Any) -> None:
        last = picker.end.value
        for start, end, reason in (
            (last, last - timedelta(1), "must not be before start"),
            (last, last + timedelta(9), "is in the future"),
            (None, last, "choose the first day"),
            (last - timedelta(80), last, "no longer available from Amazon"),
        ):
            picker.start.value, picker.end.value = start, end
            assert picker.fetch_button.disabled, reason
            assert reason in visible_text(picker.availability)
            assert 'role="alert"' in picker.availability.value
        picker.quick_ranges[0].click()
        assert not picker.fetch_button.disabled
        picker.metrics.value = ()
        assert picker.fetch_button.disabled
        picker.metrics.preset.value = "default"
        picker.profile.value = VENDOR
        assert not picker.fetch_button.disabled
        picker.record_type.value = "asins"
        assert picker.fetch_button.disabled
        assert "Alpenglück GmbH is a vendor" in visible_text(picker.availability)
        picker.fetch()  # from code
        assert "Alpenglück GmbH is a vendor" in visible_text(picker.status)
        operations = {request.operation for request in box.sandbox.requests}
        assert operations == {"token", "profiles"}


class TestTheme:
    def test_figures_have_its_colours(self, picker: Any) -> None:
        fetched(picker)
        assert picture(picker)[1][0, 0, :3].tolist() == [1, 1, 1]
        picker.result.theme.colors = DARK  # as the browser sets it
        for name in picker.result.plot.options:
            picker.result.plot.value = name
            pixels = picture(picker)[1][:, :, :3]
            assert np.allclose(pixels[0, 0], 0x11 / 255)
            assert (pixels > 0.8).all(axis=2).mean() > 0.001, "text is light"
        assert "sdanalytics-dark" in picker._dom_classes
        picker.result.theme.colors = {**DARK, "background": "#ffffff"}
        assert "sdanalytics-dark" not in picker._dom_classes

    def test_the_users_own_figures_keep_theirs(self, picker: Any) -> None:
        import matplotlib as mpl

        before = dict(mpl.rcParams)
        picker.result.theme.colors = DARK
        fetched(picker)
        assert dict(mpl.rcParams) == before


class TestFiles:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "notebooks"
        folder.mkdir()
        monkeypatch.chdir(folder)
        return folder

    def test_they_are_named_after_what_whom_and_when(
        self, box: Box, picker: Any, folder: Path
    ) -> None:
        fetched(picker)
        when = f"{box.day(14)}-to-{box.day(1)}"
        for button, what, suffix in (
            ("save_png", "trend-metric-cost-by-campaignName", "png"),
            ("save_csv", "summary-by-campaignName", "csv"),
            ("save_excel", "summary-by-campaignName", "xlsx"),
        ):
            getattr(picker.result, button).click()
            name = f"campaigns-{what}_Northwind-Outdoor-US_{when}.{suffix}"
            assert visible_text(picker.result.saved) == f"Saved as {name} in {folder}"
            assert (folder / name).stat().st_size > 0
        assert len(list(folder.iterdir())) == 3

    def test_a_picture_is_on_white_in_a_dark_theme_too(self, picker: Any, folder: Path) -> None:
        fetched(picker)
        picker.result.theme.colors = DARK
        picker.result.save_png.click()
        (file,) = folder.glob("*.png")
        assert imread(file)[0, 0, :3].tolist() == [1, 1, 1]

    def test_csv_has_all_rows_of_the_chosen_campaigns(self, picker: Any, folder: Path) -> None:
        data = fetched(picker)
        campaign_id = str(data["campaignId"].iloc[0])
        picker.result.campaigns.list.value = [campaign_id]
        picker.result.table_of.value = "rows"
        picker.result.save_csv.click()
        (file,) = folder.glob("*.csv")
        written = pd.read_csv(file, dtype={"campaignId": "str"})
        assert set(written["campaignId"]) == {campaign_id}
        assert len(written) == (data["campaignId"] == int(campaign_id)).sum()

    def test_a_workbook_has_the_table_and_its_rows(self, picker: Any, folder: Path) -> None:
        data = fetched(picker)
        picker.result.save_excel.click()
        (file,) = folder.glob("*.xlsx")
        book = openpyxl.load_workbook(file)
        assert {"About", "summary", "rows"} <= set(book.sheetnames)
        texts = {str(cell.value) for row in book["rows"] for cell in row}
        assert str(data["campaignId"].iloc[0]) in texts

    def test_a_comparison_is_called_so(self, box: Box, picker: Any, folder: Path) -> None:
        fetched(picker)
        compared(picker, box.client)
        picker.result.save_csv.click()
        (file,) = folder.glob("campaigns-comparison-by-campaignName_*.csv")
        written = pd.read_csv(file)
        assert "cost_change_share" in written
        picker.result.save_excel.click()
        picker.result.save_png.click()
        assert list(folder.glob("*-and-before_*.png"))
        assert list(folder.glob("*.xlsx"))

    def test_a_folder_that_cannot_be_written_is_reported(self, picker: Any, folder: Path) -> None:
        fetched(picker)
        folder.rmdir()
        picker.result.save_csv.click()
        assert 'role="alert"' in picker.result.saved.value

    def test_the_words_about_a_file_go_with_the_next_choice(self, picker: Any) -> None:
        fetched(picker)
        picker.result.save_csv.click()
        assert visible_text(picker.result.saved)
        picker.result.plot_by.value = "tactic"
        assert not visible_text(picker.result.saved)


def test_campaigns_of_the_same_name_stay_two(box: Box, picker: Any) -> None:
    box.sandbox.set_content(
        lambda report: [
            {"campaignId": 10**17, "campaignName": "Tents", "cost": 1.0, "clicks": 3},
            {"campaignId": 10**17 + 1, "campaignName": "Tents", "cost": 2.0, "clicks": 3},
        ]
    )
    picker.metrics.value = ("campaignName", "clicks", "cost")
    picker.tactic.value = "T00020"
    picker.start.value = picker.end.value
    fetched(picker)
    assert table(picker)[["campaignName", "campaignId", "cost"]].to_numpy().tolist() == [
        ["Tents", "100000000000000001", 2.0],
        ["Tents", "100000000000000000", 1.0],
    ]
    assert total(picker)["cost"] == 3.0


def test_warnings_of_a_fetch_are_shown(box: Box, picker: Any) -> None:
    box.sandbox.set_content(
        lambda report: [
            {"campaignId": 10**17, "campaignName": "Tents", "cost": 1.0, "clicks": 3},
            {"campaignId": 10**17, "campaignName": "Tents", "cost": 2.0, "clicks": 3},
        ]
    )
    picker.metrics.value = ("campaignName", "clicks", "cost")
    fetched(picker)
    assert "alike" in visible_text(picker.result.notes)


@pytest.mark.parametrize(("days", "first"), [(1, "2026-11-13"), (14, "2026-10-31")])
def test_a_period_before_is_as_long(days: int, first: str) -> None:
    start = date(2026, 11, 14)
    before = find_period_before(start, start + timedelta(days - 1))
    assert (str(before.first), str(before.last)) == (first, "2026-11-13")

"""`ReportPicker`: its menus, buttons and messages."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

import sdanalytics as sda
from sdanalytics import InvalidRequest, ReportCache, ReportPicker, fetch_report, metrics, sandbox
from sdanalytics.model.record_types import list_record_types
from sdanalytics.sandbox import Sandbox, ScriptedResponse
from tests.support.box import Box
from tests.support.clock import JumpingClock
from tests.support.pickers import SECONDS, fetched, visible_text


def picture(picker: Any) -> tuple[str, Any]:
    """Return the alternative text of the figure, and its pixels."""
    found = re.fullmatch(
        r'<img alt="([^"]*)"[^>]*base64,([^"]*)">.*', picker.result.figure.value, re.DOTALL
    )
    assert found, visible_text(picker.result.figure)
    pixels = np.asarray(imread(io.BytesIO(base64.b64decode(found[2])), format="png"))
    return found[1], pixels


def table_column(picker: Any, name: str) -> list[Any]:
    """Return the values of a column of the table, from top to bottom."""
    content = picker.result.table.content
    at = [column["name"] for column in content["columns"]].index(name)
    return [row[at] for row in content["rows"]]


def total_cells(picker: Any) -> dict[str, Any]:
    content = picker.result.table.content
    names = [column["name"] for column in content["columns"]]
    return dict(zip(names, content["total"], strict=True))


def test_it_opens_with_the_most_common_selection(box: Box, picker: Any) -> None:
    assert [title for title, _ in picker.profile.options] == [
        "Northwind Outdoor · US · 1842030415361601",
        "Alpenglück GmbH · DE · 2750418263940173",
        "青葉商店 · JP · 3961527384950284",
    ]
    assert picker.profile.value == str(box.client.profile_id)
    assert picker.record_type.options == list_record_types("v2")
    assert str(picker.start.value) == box.day(14)
    assert str(picker.end.value) == box.day(1)
    assert picker.metrics.value == metrics.default_metrics("campaigns")
    assert picker.data is None
    assert "Nothing fetched yet" in visible_text(picker.status)
    assert "sda.fetch_report" in visible_text(picker.code_view)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({}, {}),
        ({"record_type": "asins"}, {}),
        ({"record_type": "targets", "segment": "matchedTarget", "tactic": "T00020"}, {}),
        ({"record_type": "adGroups"}, {"metrics": ("adGroupName", "cost", "clicks")}),
        ({"profile": "3961527384950284"}, {}),
    ],
)
def test_its_code_gives_the_same_frame(
    box: Box, picker: Any, choices: dict[str, str], expected: dict[str, Any]
) -> None:
    for name, value in choices.items():
        getattr(picker, name).value = value
    if "metrics" in expected:
        picker.metrics.value = expected["metrics"]
    data = fetched(picker)
    names: dict[str, Any] = {"client": box.client}
    exec(picker.code, names)
    pd.testing.assert_frame_equal(names["df"], data)
    assert data.attrs["sdanalytics"]["profile_id"] == picker.profile.value
    assert picker.query.record_type == picker.record_type.value
    assert len(data) > 0


def test_without_arguments_it_uses_the_environment(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(sda.NotConfigured, match="SDANALYTICS_CLIENT_ID"):
        ReportPicker()
    for name, value in box.sandbox.environment.items():
        monkeypatch.setenv(name, value)
    picker = ReportPicker()
    assert "client=" not in picker.code
    picker.profile.value = "2750418263940173"
    assert "client=sda.Client.from_env().for_profile(2750418263940173)" in picker.code


def test_a_store_of_any_name_is_in_the_code(box: Box, tmp_path: Any) -> None:
    folder = tmp_path / "a 'folder' with \"signs\" and a name longer than any line would be long"
    picker = ReportPicker(box.client, cache=folder)
    picker.start.value = picker.end.value = date.fromisoformat(box.day(2))
    names: dict[str, Any] = {"client": box.client}
    exec(picker.code, names)
    assert len(ReportCache(folder).entries()) == 2
    assert "cache=False" in ReportPicker(box.client, cache=False).code


class TestFetching:
    @pytest.fixture
    def slow(self) -> Iterator[Sandbox]:
        """A sandbox whose reports take longer than the tests wait."""
        with sandbox.start(delay=600) as box:
            yield box

    @pytest.fixture
    def waiting(self, slow: Sandbox) -> Iterator[Any]:
        """A picker that waits for its reports."""
        picker: Any = ReportPicker(slow.client, cache=False)
        in_flight = threading.Event()
        picker.status.observe(
            lambda _: (
                in_flight.set() if "28 reports in flight" in visible_text(picker.status) else None
            ),
            "value",
        )
        picker.fetch_button.click()
        assert in_flight.wait(SECONDS)
        yield picker
        picker.close()

    def test_a_second_fetch_is_declined(self, slow: Sandbox, waiting: Any) -> None:
        waiting.fetch_button.click()
        assert "A fetch is running" in visible_text(waiting.hint)
        assert not waiting.wait(0)

    def test_the_words_about_a_running_fetch_go_when_it_ends(self) -> None:
        with sandbox.start(delay=2) as box:
            picker: Any = ReportPicker(box.client, cache=False)
            picker.fetch_button.click()
            picker.fetch_button.click()
            assert "A fetch is running" in visible_text(picker.hint)
            assert picker.wait(SECONDS)
            assert visible_text(picker.hint) == ""
            picker.close()

    def test_cancel_ends_it(self, slow: Sandbox, waiting: Any) -> None:
        waiting.cancel_button.click()
        assert waiting.wait(SECONDS)  # the reports would take 600
        assert visible_text(waiting.status).startswith("Cancelled")
        assert waiting.data is None
        requests = len(slow.requests)
        waiting.cancel_button.click()
        assert "nothing to cancel" in visible_text(waiting.hint)
        assert len(slow.requests) == requests

    def test_closing_ends_it(self, waiting: Any) -> None:
        waiting.close()
        assert waiting.wait(SECONDS)

    def test_progress_is_shown(self, box: Box, picker: Any) -> None:
        messages: list[str] = []
        picker.status.observe(lambda _: messages.append(visible_text(picker.status)), "value")
        fetched(picker)
        assert any("of 14 days; " in text for text in messages)
        assert messages[-1].startswith(
            f"{len(picker.data)} rows; 14 days fetched, 0 from the cache"
        )
        assert picker.progress.value == picker.progress.max == 14
        fetched(picker)
        assert "0 days fetched, 14 from the cache" in visible_text(picker.status)

    def test_days_fetched_before_an_error_are_stored(self, box: Box, picker: Any) -> None:
        data = fetched(picker)
        box.sandbox.script_responses(
            "request_report", ScriptedResponse(403, b'{"code": "403", "details": "<not you>"}')
        )
        picker.record_type.value = "targets"
        picker.fetch()
        assert picker.wait(SECONDS)
        assert visible_text(picker.status).startswith("PartialFetchError: 1 of 14 days to fetch")
        assert "&lt;not you&gt;" in picker.status.value
        assert 'role="alert"' in picker.status.value
        assert picker.data is data
        assert "in the cache" in visible_text(picker.availability)

    def test_invalid_selections_are_reported_before_any_request(
        self, box: Box, picker: Any
    ) -> None:
        requests = len(box.sandbox.requests)
        picker.start.value = picker.end.value + timedelta(1)
        picker.fetch()
        assert "must not be before start" in visible_text(picker.status)
        assert "must not be before start" in visible_text(picker.availability)
        picker.start.value = picker.end.value
        picker.metrics.value = ()
        picker.fetch()
        assert "no metric is selected" in visible_text(picker.status)
        picker.metrics.preset.value = "default"
        picker.start.value = None
        picker.fetch()
        assert "choose the first day" in visible_text(picker.status)
        picker.start.value = date(2, 10, 1)  # as while a year is being typed
        picker.fetch()
        assert "739,301 days; choose up to 366" in visible_text(picker.status)
        assert "739,301 days" in visible_text(picker.availability)
        picker.start.value = picker.end.value = date.fromisoformat(box.day(0)) + timedelta(1)
        picker.fetch()
        assert picker.wait(SECONDS)
        assert "is in the future" in visible_text(picker.status)
        assert len(box.sandbox.requests) == requests
        with pytest.raises(InvalidRequest):
            picker.query  # noqa: B018

    def test_it_opens_though_profiles_cannot_be_listed(self, box: Box, store: ReportCache) -> None:
        box.sandbox.script_responses("profiles", ScriptedResponse(403, b'{"code": "403"}'))
        picker: Any = ReportPicker(box.client, cache=store)
        assert "profiles cannot be listed" in visible_text(picker.status)
        assert picker.profile.value == str(box.client.profile_id)
        assert len(fetched(picker)) > 0


class TestMetrics:
    def test_all_metrics_of_the_report_are_offered_with_meanings(self, picker: Any) -> None:
        for record_type in list_record_types("v2"):
            picker.record_type.value = record_type
            names = set(metrics.available(record_type)) - set(metrics.identity(record_type))
            assert {value for value, _, _ in picker.metrics.list.options} == names
            for value, title, meaning in picker.metrics.list.options:
                assert title == value
                assert meaning == metrics.CATALOGUE[value].meaning

    def test_search_keeps_metrics_with_all_words(self, picker: Any) -> None:
        picker.metrics.search.value = "New-to brand SALES"
        in_view = picker.metrics.list.shown
        assert len(in_view) == 2
        assert all("SalesNewToBrand" in name for name in in_view)
        assert "2 of " in visible_text(picker.metrics.count)
        picker.metrics.search.value = ""
        assert len(picker.metrics.list.shown) == len(picker.metrics.list.options)

    def test_ticked_metrics_are_selected(self, picker: Any) -> None:
        chosen = picker.metrics.list
        assert "cost" in chosen.value
        chosen.value = [name for name in chosen.value if name != "cost"]
        assert "cost" not in picker.metrics.value
        assert picker.metrics.preset.value == "custom"
        chosen.value = [*chosen.value, "videoUnmutes"]
        assert "videoUnmutes" in picker.query.metrics
        picker.metrics.preset.value = "default"
        assert "cost" in chosen.value
        assert "videoUnmutes" not in chosen.value

    def test_the_list_is_folded_until_its_button_is_pressed(self, picker: Any) -> None:
        assert picker.metrics.layout.display == "none"
        picker.metrics.toggle.value = True
        assert picker.metrics.layout.display is None
        picker.metrics.toggle.value = False
        picker.metrics.preset.value = "custom"
        assert picker.metrics.layout.display is None
        assert "21 of 52" in picker.metrics.toggle.description

    def test_presets_fit_the_report(self, picker: Any) -> None:
        assert "video" in picker.metrics.preset.options
        for name in picker.metrics.preset.options[:-1]:
            picker.metrics.preset.value = name
            assert picker.query.metrics  # the query accepts them all
        picker.record_type.value = "asins"
        assert "video" not in picker.metrics.preset.options
        picker.metrics.preset.value = "everything"
        every = set(metrics.available("asins")) - set(metrics.identity("asins"))
        assert set(picker.metrics.value) == every

    def test_applicable_selections_are_kept(self, picker: Any) -> None:
        picker.metrics.value = ("campaignName", "cost", "clicks", "campaignBudget")
        picker.record_type.value = "targets"
        assert picker.metrics.value == ("campaignName", "cost", "clicks")
        picker.segment.value = "matchedTarget"
        assert picker.metrics.value == ("campaignName", "cost", "clicks")
        picker.record_type.value = "productAds"  # has no segment
        assert picker.segment.value == "none"
        assert picker.segment.disabled
        assert picker.metrics.value == ("campaignName", "cost", "clicks")
        picker.record_type.value = "asins"  # has neither cost nor clicks
        assert picker.metrics.value == metrics.default_metrics("asins")
        picker.record_type.value = "campaigns"  # the default stays the default
        assert picker.metrics.value == metrics.default_metrics("campaigns")

    def test_unknown_values_are_rejected(self, picker: Any) -> None:
        before = picker.metrics.value
        with pytest.raises(InvalidRequest, match="did you mean 'cost'"):
            picker.metrics.value = ("costt",)
        assert picker.metrics.value == before

    def test_none_stays_none(self, picker: Any) -> None:
        picker.metrics.value = ()
        picker.record_type.value = "targets"
        assert picker.metrics.value == ()
        assert "no metric is selected" in visible_text(picker.availability)

    def test_kpis_are_explained(self, picker: Any) -> None:
        picker.metrics.search.value = "acos"
        assert "ACOS is computed after fetching" in visible_text(picker.metrics.count)
        picker.metrics.search.value = "Conversions"
        assert "orders is computed after fetching" in visible_text(picker.metrics.count)

    def test_other_words_for_metrics_are_found(self, picker: Any) -> None:
        for words, name in (
            ("spend", "cost"), ("purchas", "viewAttributedConversions14d"), ("clicks", "clicks"),
        ):  # fmt: skip
            picker.metrics.search.value = words
            assert name in picker.metrics.list.shown


class TestDays:
    def test_presets_end_yesterday_where_the_profile_is(self, box: Box, picker: Any) -> None:
        # 18:00 UTC on 20 November is the 21st in Tokyo.
        picker.profile.value = "3961527384950284"
        for button, days in zip(picker.quick_ranges, (7, 14, 30), strict=True):
            button.click()
            assert picker.end.value == date(2026, 11, 20)
            assert (picker.end.value - picker.start.value).days == days - 1
        assert "Asia/Tokyo" in visible_text(picker.availability)

    def test_last_days_are_last_days_in_its_code(self, picker: Any) -> None:
        assert 'fetch_report("campaigns", days=14, client=client' in picker.code
        picker.quick_ranges[2].click()
        assert "days=30" in picker.code
        picker.profile.value = "3961527384950284"  # where it is the next day
        assert '"2026-10-21", "2026-11-19"' in picker.code
        picker.quick_ranges[2].click()
        assert "days=30" in picker.code
        chosen = picker.start.value
        picker.start.value = picker.end.value
        picker.start.value = chosen
        assert '"2026-10-22", "2026-11-20"' in picker.code

    def test_stored_days_are_shown(self, box: Box, picker: Any, store: ReportCache) -> None:
        assert visible_text(picker.availability).endswith(
            f"to fetch: {box.day(14)} to {box.day(1)}"
        )
        fetch_report("campaigns", box.day(12), box.day(10), client=box.client, cache=store)
        picker.quick_ranges[0].click()
        picker.quick_ranges[1].click()
        text = visible_text(picker.availability)
        assert f"in the cache: {box.day(12)} to {box.day(10)}" in text
        assert f"to fetch: {box.day(14)} to {box.day(13)}, {box.day(9)} to {box.day(1)}" in text
        picker.metrics.value = (*picker.metrics.value, "videoUnmutes")  # not in the stored files
        assert "in the cache" not in visible_text(picker.availability)

    def test_unavailable_days_are_shown(self, box: Box, picker: Any) -> None:
        picker.start.value = date.fromisoformat(box.day(62))
        picker.end.value = date.fromisoformat(box.day(58))
        text = visible_text(picker.availability)
        assert f"to fetch: {box.day(60)} to {box.day(58)}" in text
        assert f"no longer available from Amazon: {box.day(62)} to {box.day(61)}" in text


class TestResult:
    def test_every_plot_is_drawn_with_an_alternative_text(self, picker: Any) -> None:
        fetched(picker)
        result = picker.result
        assert result.plot.options == ("trend", "top", "efficiency", "funnel", "calendar")
        for name in result.plot.options:
            result.plot.value = name
            text, pixels = picture(picker)
            assert text.startswith(name)
            assert (pixels[:, :, :3] < 0.9).any(axis=2).mean() > 0.005
        result.plot.value, result.plot_metric.value = "trend", "acos"
        assert picture(picker)[0] == "trend, metric acos, by campaignName"
        assert result.plot_metric.label == "ACOS"

    def test_menus_keep_applicable_choices(self, picker: Any) -> None:
        fetched(picker)
        picker.result.plot.value = "top"
        picker.result.plot_by.value = "tactic"
        picker.record_type.value = "asins"
        fetched(picker)
        assert "halo" in picker.result.plot.options
        assert picker.result.plot.value == "top"
        assert picker.result.plot_by.value == "tactic"
        assert picker.result.plot_metric.value == "halo_sales"

    def test_results_that_one_cost_type_lacks_are_left_out(self, picker: Any) -> None:
        picker.record_type.value = "productAds"
        picker.metrics.value = ["cost", "clicks", "costType", "attributedUnitsOrdered14d"]
        assert set(fetched(picker)["costType"].dropna()) == {"CPC", "VCPM"}
        menu = [name for _, name in picker.result.plot_metric.options]
        assert "cpc" in menu
        assert "units" not in menu
        assert table_column(picker, "cpc")

    def test_an_impossible_plot_is_explained(self, picker: Any) -> None:
        picker.metrics.value = ("campaignName", "campaignStatus")
        fetched(picker)
        assert picker.result.plot.options == ()
        assert "No metric can be drawn" in visible_text(picker.result.figure)

    def test_the_table_is_a_summary_or_the_rows(self, picker: Any) -> None:
        data = fetched(picker)
        summary = sda.summarize(data, "campaignName").sort_values("cost", ascending=False)
        assert table_column(picker, "campaignName") == summary["campaignName"].tolist()
        assert table_column(picker, "acos") == pytest.approx(summary["acos"].tolist())
        picker.result.table_of.value = "rows"
        assert table_column(picker, "campaignId") == data["campaignId"].astype("str").tolist()
        days = data["date"].dt.strftime("%Y-%m-%d").tolist()
        assert table_column(picker, "date") == days
        assert picker.result.table.content["total"] is None
        picker.result.plot_by.value = "tactic"
        picker.result.table_of.value = "summary"
        by_tactic = sda.summarize(data, "tactic").sort_values("cost", ascending=False)
        assert table_column(picker, "tactic") == by_tactic["tactic"].tolist()

    def test_the_last_row_is_the_total(self, picker: Any) -> None:
        data = fetched(picker)
        whole = sda.summarize(data).iloc[0]
        total = total_cells(picker)
        assert total["campaignName"] == "Total"
        for name in ("cost", "sales", "orders", "acos", "roas", "ctr"):
            assert total[name] == pytest.approx(whole[name]), name
        picker.result.plot_by.value = "(all together)"
        assert picker.result.table.content["total"] is None  # the only row is the total

    def test_key_figures_come_first(self, picker: Any) -> None:
        fetched(picker)
        names = [column["name"] for column in picker.result.table.content["columns"]]
        assert names[:6] == ["campaignName", "cost", "sales", "orders", "acos", "roas"]

    def test_the_table_has_all_rows_and_sorts_missing_values(self, box: Box, picker: Any) -> None:
        clicks = [5, None, 100, 9, None, 1000] * 150
        box.sandbox.set_content(
            lambda report: [
                {"campaignId": 10**17 + n, "campaignName": f"<b>{n}</b>", "cost": 1.0, "clicks": c}
                for n, c in enumerate(clicks)
            ]
        )
        picker.metrics.value = ("campaignName", "clicks", "cost")
        picker.tactic.value = "T00020"
        picker.start.value = picker.end.value
        fetched(picker)
        picker.result.table_of.value = "rows"
        assert len(picker.result.table.content["rows"]) == 900
        assert table_column(picker, "campaignId")[7] == "100000000000000007"
        assert table_column(picker, "campaignName")[7] == "<b>7</b>"
        assert table_column(picker, "clicks")[:4] == [5.0, None, 100.0, 9.0]

    def test_names_are_chosen_where_names_are_compared(self, picker: Any) -> None:
        fetched(picker)
        picker.result.plot_by.value = "(all together)"
        picture(picker)
        picker.result.plot.value = "top"
        assert "top compares names" in visible_text(picker.result.figure)

    def test_the_heading_names_the_data(self, box: Box, picker: Any) -> None:
        fetched(picker)
        days = f"{box.day(14)} to {box.day(1)}"
        named = f"campaigns, {days}, Northwind Outdoor (profile 1842030415361601), USD"
        assert visible_text(picker.result.heading) == named
        picker.profile.value = "3961527384950284"
        assert visible_text(picker.result.heading).startswith(
            f"{named} Selection changed. Press Fetch"
        )
        fetched(picker)
        assert (
            visible_text(picker.result.heading)
            == f"campaigns, {days}, 青葉商店 (profile 3961527384950284), JPY"
        )

    def test_an_empty_result_is_reported(self, box: Box, picker: Any) -> None:
        box.sandbox.set_content(lambda report: [])
        assert len(fetched(picker)) == 0
        assert visible_text(picker.status).startswith("0 rows")
        picture(picker)


class TestFinalNumbers:
    @pytest.fixture
    def grown(self, box: Box, clock: JumpingClock, store: ReportCache) -> ReportCache:
        """Return a store whose user has fetched on some mornings."""
        for _ in range(4):
            days = box.day(60), box.day(1)
            fetch_report("campaigns", *days, client=box.client_for(0, "v3"), cache=store)
            clock.pass_time(24 * 3600 - 60)
        return store

    def test_results_are_final_where_the_store_has_a_history(
        self, box: Box, grown: ReportCache
    ) -> None:
        picker: Any = ReportPicker(box.client_for(0, "v3"), cache=grown)
        data = fetched(picker)
        result = picker.result
        assert result.use_final.layout.display is None
        assert "Results as expected when final" in visible_text(result.final_note)
        result.plot_metric.value = "sales"
        assert picture(picker)[0] == "trend, metric sales, by campaignName, final numbers"
        expected = sda.summarize(data, "campaignName", final=sda.maturity(grown))
        by_cost = expected.sort_values("cost", ascending=False)
        for name in ("sales_final", "acos_final"):
            assert table_column(picker, name) == pytest.approx(by_cost[name].tolist())
        result.use_final.value = False
        assert picture(picker)[0] == "trend, metric sales, by campaignName"
        assert "sales_final" not in [c["name"] for c in result.table.content["columns"]]
        assert visible_text(result.final_note).startswith("Results as reported so far")
        fetched(picker)
        assert not result.use_final.value  # it stays as the user has it
        picker.close()

    def test_figures_of_what_settles_in_days_are_as_ever(
        self, box: Box, grown: ReportCache
    ) -> None:
        picker: Any = ReportPicker(box.client_for(0, "v3"), cache=grown)
        picker.metrics.value = ("campaignName", "cost", "clicks")
        fetched(picker)
        assert picture(picker)[0] == "trend, metric cost, by campaignName"
        assert picker.result.use_final.layout.display == "none"
        assert not visible_text(picker.result.final_note)
        picker.close()

    def test_without_a_history_it_says_that_more_may_come(self, box: Box) -> None:
        picker: Any = ReportPicker(box.client, cache=False)
        fetched(picker)
        assert picker.result.use_final.layout.display == "none"
        assert "more may come" in visible_text(picker.result.final_note)
        assert "final" not in picture(picker)[0]
        picker.close()


def test_its_repr_is_one_line(box: Box, picker: Any) -> None:
    days = f"{box.day(14)} to {box.day(1)}"
    assert repr(picker) == f"ReportPicker(campaigns, {days}, profile 1842030415361601)"


def test_closing_removes_all_widgets(box: Box) -> None:
    from ipywidgets.widgets.widget import _instances as alive

    before = len(alive)
    picker: Any = ReportPicker(box.client, cache=False)
    fetched(picker)
    assert len(alive) > before + 80
    picker.close()
    assert len(alive) == before


@pytest.mark.parametrize("arguments", [{"client": "x"}, {"cache": 5}])
def test_invalid_arguments_are_reported(box: Box, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=f"{next(iter(arguments))} must be"):
        ReportPicker(**({"client": box.client} | arguments))


def test_a_profile_of_another_login_is_reported(box: Box) -> None:
    picker: Any = ReportPicker(box.sandbox.client_for(424242), cache=False)
    assert "profile 424242 is not among those of this login" in visible_text(picker.status)


def test_without_the_widget_library_the_rest_works() -> None:
    script = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        "import sdanalytics as sda\n"
        "from sdanalytics import *\n"
        "try: sda.ReportPicker()\n"
        "except sda.MissingDependency as error: print(error)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert process.stdout == "ReportPicker needs the package ipywidgets: pip install ipywidgets\n"

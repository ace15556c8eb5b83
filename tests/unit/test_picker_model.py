"""What the picker says and offers: days, code and presets."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from sdanalytics.model.metrics import default_metrics
from sdanalytics.model.profiles import Profile
from sdanalytics.model.query import ReportQuery
from sdanalytics.widgets.code_generation import MAX_LINE_LENGTH, fetch_report_code
from sdanalytics.widgets.lab_theme import has_dark_background, make_figure_style
from sdanalytics.widgets.messages import format_day_ranges
from sdanalytics.widgets.metric_presets import (
    ALL_PRESET,
    DEFAULT_PRESET,
    ReportKind,
    metric_presets,
)
from sdanalytics.widgets.option_list import Option, OptionList
from sdanalytics.widgets.selection_problems import (
    find_age_problem,
    find_first_available,
    find_report_problem,
    list_unavailable_days,
)
from sdanalytics.widgets.view_code import ViewCode, include_period_before


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ([], ""),
        ([3], "2026-11-03"),
        ([3, 1, 2], "2026-11-01 to 2026-11-03"),
        ([1, 3, 4, 9], "2026-11-01, 2026-11-03 to 2026-11-04, 2026-11-09"),
    ],
)
def test_days_are_written_as_ranges(days: list[int], text: str) -> None:
    assert format_day_ranges(date(2026, 11, day) for day in days) == text


def test_code_leaves_out_defaults_and_breaks_long_lines() -> None:
    day = date(2026, 11, 1)
    query = ReportQuery.parse("campaigns", day, day + timedelta(2), api="v2")
    assert fetch_report_code(query, "v2", client=None, cache=None) == (
        'df = sda.fetch_report("campaigns", "2026-11-01", "2026-11-03")'
    )
    every = metric_presets(ReportKind("targets", "matchedTarget", "v2"))[ALL_PRESET]
    query = ReportQuery.parse(
        "targets", day, metrics=every, tactic="T00020", segment="matchedTarget", api="v2"
    )
    code = fetch_report_code(query, "v2", client="client", cache="False")
    lines = code.splitlines()
    assert max(map(len, lines)) <= MAX_LINE_LENGTH
    assert all(line.startswith("    ") for line in lines[1:])
    end = 'tactic="T00020", segment="matchedTarget", client=client, cache=False)'
    assert " ".join(code.split()).endswith(end)


def test_every_report_has_the_default_and_all_metrics_as_presets() -> None:
    for api in ("v2", "v3"):
        presets = metric_presets(ReportKind("asins", None, api))
        names = list(presets)
        assert (names[0], names[-1]) == (DEFAULT_PRESET, ALL_PRESET)
        assert presets[DEFAULT_PRESET] == default_metrics("asins", None, api)
        assert all(presets.values())


class TestCodeOfAView:
    QUERY = ReportQuery.parse("campaigns", date(2026, 11, 8), date(2026, 11, 14), api="v2")

    def test_all_campaigns_of_the_selected_days_need_no_further_lines(self) -> None:
        assert list(ViewCode(by="campaignName").list_lines(self.QUERY, None)) == []

    def test_chosen_campaigns_are_listed_by_id_with_their_names(self) -> None:
        view = ViewCode(campaigns={"306607835786962103": "Tents\n– Category"})
        assert "\n".join(view.list_lines(self.QUERY, None)) == (
            "campaigns = [\n"
            "    306607835786962103,  # Tents – Category\n"
            "]\n"
            'shown = df[df["campaignId"].isin(campaigns)]'
        )

    def test_the_period_before_has_as_many_days(self) -> None:
        both = include_period_before(self.QUERY)
        assert (both.start, both.end) == (date(2026, 11, 1), date(2026, 11, 14))
        code = fetch_report_code(both, "v2", client=None, cache=None, name="both")
        view = ViewCode(is_compared=True, by="tactic")
        assert list(view.list_lines(self.QUERY, code)) == [
            'both = sda.fetch_report("campaigns", "2026-11-01", "2026-11-14")',
            'change = sda.compare(both, ("2026-11-01", "2026-11-07"), '
            '("2026-11-08", "2026-11-14"),\n    by="tactic")',
        ]


class TestProblems:
    SELLER = Profile("1", "US", "USD", "America/Los_Angeles", "seller", "Northwind Outdoor")
    VENDOR = replace(SELLER, account_type="vendor", account_name="Alpenglück GmbH")

    def test_vendors_have_no_report_of_purchased_products(self) -> None:
        assert find_report_problem("asins", self.VENDOR) == (
            "asins is for sellers; Alpenglück GmbH is a vendor: choose another report"
        )
        assert find_report_problem("asins", self.SELLER) == ""
        assert find_report_problem("campaigns", self.VENDOR) == ""

    def test_days_that_are_gone_are_named_with_the_first_one_there_is(self) -> None:
        first = find_first_available(date(2026, 11, 28), 60)
        assert first == date(2026, 9, 29)
        days = [first - timedelta(2), first - timedelta(1), first]
        unavailable = list_unavailable_days(days, first)
        assert find_age_problem(unavailable, first) == (
            "2026-09-27 to 2026-09-28 are no longer available from Amazon: "
            "begin on 2026-09-29 or later"
        )
        assert find_age_problem([], first) == ""


@pytest.mark.parametrize(
    ("background", "is_dark"),
    [("#ffffff", False), ("#111111", True), ("#0000ff", True), ("#00ff00", False)],
)
def test_a_theme_is_dark_if_its_background_is(background: str, is_dark: bool) -> None:
    colors = {"background": background, "text": "#808080", "faint": "#505050"}
    assert has_dark_background(colors) is is_dark
    style = make_figure_style(colors)
    assert style["figure.facecolor"] == style["axes.facecolor"] == background
    assert style["text.color"] == style["xtick.color"] == "#808080"


def test_an_option_is_found_by_all_words_of_its_title_or_meaning() -> None:
    choice = OptionList("Campaigns")
    choice.set_options([Option("1", "Tents", "for sellers"), Option("2", "Stoves", "for all")])
    choice.value = ["1", "2"]
    choice.show_matches(["for", "sel"])
    assert choice.shown == ["1"]
    assert choice.value == ["1", "2"]  # hidden ones stay chosen
    choice.set_options([Option("2", "Stoves", "for all"), Option("3", "Lamps")])
    assert choice.value == ["2"]
    assert choice.shown == ["2", "3"]
    choice.close()

"""The figures: the numbers and words in them, whatever the data are like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from sdanalytics import InvalidRequest, ReportCache, add_kpis, compare, fetch_report, summarize
from sdanalytics import plots as typed_plots
from sdanalytics.plots import fonts
from tests.conftest import Box, JumpingClock

plots: Any = typed_plots  # what is in the axes is looked at more closely than types tell
Plot = Callable[..., Any]

# Whether the Japanese names can be drawn depends on the machine; what is tested here does not.
pytestmark = pytest.mark.filterwarnings("ignore:no installed font has:UserWarning")


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    """Three weeks of campaigns and halo of the US, and of campaigns of Japan."""
    box = Box(JumpingClock())
    with box.sandbox:
        fetch: dict[str, Any] = {"start": box.day(21), "end": box.day(1), "cache": False}
        return {
            "campaigns": fetch_report("campaigns", client=box.client, **fetch),
            "asins": fetch_report("asins", client=box.client, **fetch),
            "japan": fetch_report("campaigns", client=box.client_for(2), **fetch),
        }


@pytest.fixture
def campaigns(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return frames["campaigns"]


@pytest.fixture
def asins(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return frames["asins"]


def lines_of(axes: Any) -> dict[str, Any]:
    return {
        str(line.get_label()): np.asarray(line.get_ydata(), "float64") for line in axes.get_lines()
    }


def words(axes: Any) -> str:
    return " | ".join(text.get_text() for text in axes.findobj(Text) if text.get_text())


def veil_of(axes: Any) -> Rectangle | None:
    """What lies over the youngest days."""
    boxes = list(axes.patches)
    return boxes[-1] if boxes else None


def on_screen(axes: Any) -> None:
    """Draw it: what cannot be drawn is an error, what draws with a warning, too."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()


class TestTrend:
    def test_draws_daily_sums_and_folds_the_rest(self, campaigns: pd.DataFrame) -> None:
        axes = plots.trend(campaigns, "cost", by="campaignName", n=3)
        lines = lines_of(axes)
        others = campaigns["campaignName"].nunique() - 3
        largest = campaigns.groupby("campaignName")["cost"].sum().nlargest(3).index
        assert list(lines) == [*largest, f"{others} others"]
        assert sum(np.nansum(y) for y in lines.values()) == pytest.approx(campaigns["cost"].sum())
        assert axes.get_ylabel() == "cost (USD)"
        whole = lines_of(plots.trend(campaigns, "clicks"))["clicks"]
        assert whole.tolist() == campaigns.groupby("date")["clicks"].sum().tolist()

    def test_draws_ratios_of_sums_and_ranks_their_lines_by_cost(
        self, campaigns: pd.DataFrame
    ) -> None:
        axes = plots.trend(campaigns, "acos", by="campaignName", n=2)
        lines = lines_of(axes)
        spenders = campaigns.groupby("campaignName")["cost"].sum().nlargest(2).index
        assert list(lines)[:2] == list(spenders)
        rest = summarize(campaigns[~campaigns["campaignName"].isin(spenders)], freq="D")
        np.testing.assert_allclose(list(lines.values())[2], rest["acos"].to_numpy())
        assert axes.get_ylabel() == "ACOS"
        assert axes.yaxis.get_major_formatter()(0.25, 0) == "25%"

    def test_spend_without_sales_is_marked(self, campaigns: pd.DataFrame) -> None:
        barren = campaigns.copy()
        day = campaigns["date"].max()
        for name in ("attributedSales14d", "viewAttributedSales14d"):
            barren.loc[barren["date"] == day, name] = 0.0
        axes = plots.trend(barren, "acos")
        assert np.isnan(lines_of(axes)["ACOS"][-1])
        marks = [spot for c in axes.collections for spot in np.asarray(c.get_offsets())]
        assert [spot[0] for spot in marks] == [date2num(day)]  # type: ignore[no-untyped-call]
        assert "▲ cost without sales" in words(axes)
        assert "▲" not in words(plots.trend(campaigns, "acos"))

    def test_the_same_from_a_summary(self, campaigns: pd.DataFrame) -> None:
        daily = summarize(campaigns, "campaignName", "D", total=True)
        for metric in ("roas", "cost", "clicks"):
            ours = lines_of(plots.trend(daily, metric, by="campaignName", n=3))
            theirs = lines_of(plots.trend(campaigns, metric, by="campaignName", n=3))
            assert list(ours) == list(theirs)
            for name, line in ours.items():
                np.testing.assert_allclose(line, theirs[name])

    def test_weeks_are_points_without_gaps(self, campaigns: pd.DataFrame) -> None:
        weekly = summarize(campaigns, freq="W")
        line = lines_of(plots.trend(weekly, "sales"))["sales"]
        assert line.tolist() == weekly["sales"].tolist()

    def test_one_day_is_one_day_and_a_missing_day_is_a_gap(self, campaigns: pd.DataFrame) -> None:
        days = sorted(campaigns["date"].unique())[:5]
        few = campaigns[campaigns["date"].isin(days)]
        low, high = plots.trend(few[few["date"] == days[2]], "cost").get_xlim()
        assert high - low == pytest.approx(2.0)
        gap = lines_of(plots.trend(few[few["date"] != days[2]], "cost"))["cost"]
        assert np.isnan(gap).tolist() == [False, False, True, False, False]

    def test_what_may_be_restated_is_lighter(self, campaigns: pd.DataFrame) -> None:
        traffic = plots.trend(campaigns, "cost")
        veil = veil_of(traffic)
        assert veil is not None
        # Traffic settles within three days, of which the youngest here is one day old.
        first = campaigns["date"].max() - timedelta(days=2)
        assert veil.get_x() + 0.5 == date2num(first)  # type: ignore[no-untyped-call]
        assert "lighter: may still be restated" in words(traffic)
        results = plots.trend(campaigns, "sales")
        note = "lighter: may still be restated; lightest: orders still arriving"
        assert note in words(results)
        lighter, lightest = results.patches
        assert lighter.get_x() < date2num(campaigns["date"].min())  # type: ignore[no-untyped-call]
        arriving = campaigns["date"].max() - timedelta(days=13)
        assert lightest.get_x() + 0.5 == date2num(arriving)  # type: ignore[no-untyped-call]
        weekly = plots.trend(summarize(campaigns, freq="MS"), "clicks")
        assert veil_of(weekly) is not None  # the month's last days are in it

    def test_what_is_settled_is_not(self, campaigns: pd.DataFrame) -> None:
        early = campaigns[campaigns["date"] < campaigns["date"].max() - timedelta(days=5)]
        assert veil_of(plots.trend(early, "cost")) is None
        unknown = campaigns.copy()
        unknown.attrs = {}
        assert veil_of(plots.trend(unknown, "sales")) is None

    def test_what_comes_from_the_store_knows_it_too(self, tmp_path: Any) -> None:
        box, store = Box(JumpingClock()), ReportCache(tmp_path)
        with box.sandbox:
            fetch_report("campaigns", box.day(9), box.day(1), client=box.client, cache=store)
            read = store.read("campaigns", box.day(9), box.day(1))
        assert veil_of(plots.trend(read, "cost")) is not None

    def test_a_column_of_the_users_own(self, campaigns: pd.DataFrame) -> None:
        own = add_kpis(campaigns)
        own["profit"] = 0.3 * own["sales"] - own["cost"]
        axes = plots.trend(own, "profit", by="tactic")
        total = sum(np.nansum(y) for y in lines_of(axes).values())
        assert total == pytest.approx(own["profit"].sum())
        assert axes.get_ylim()[0] < 0


def test_no_money_is_lost_whatever_campaigns_are_called(campaigns: pd.DataFrame) -> None:
    names = campaigns["campaignName"].unique().tolist()
    strange = ["2 others", None, "_private", "$5 to $10 off", "x" * 40 + "1", "x" * 40 + "2"]
    renamed = campaigns["campaignName"].replace(dict(zip(names, strange, strict=False)))
    odd = campaigns.assign(campaignName=renamed)
    axes = plots.trend(odd, "cost", by="campaignName", n=6)
    drawn = sum(np.nansum(np.asarray(line.get_ydata(), float)) for line in axes.get_lines())
    assert drawn == pytest.approx(campaigns["cost"].sum())
    legend = axes.get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == 7
    bars = plots.top(odd, "cost", n=20)
    assert len({bar.get_y() for bar in bars.patches}) == len(names)
    widths = sum(bar.get_width() for bar in bars.patches)
    assert widths == pytest.approx(campaigns["cost"].sum())
    for each in (axes, bars, plots.efficiency(odd)):
        on_screen(each)


class TestTop:
    def test_draws_the_largest_first(self, asins: pd.DataFrame) -> None:
        metric = "attributedSales14dOtherSKU"
        axes = plots.top(asins, metric, by="otherAsin", n=4)
        expected = asins.groupby("otherAsin")[metric].sum().nlargest(4)
        widths = [bar.get_width() for bar in axes.patches]
        assert widths == pytest.approx(expected.tolist())
        assert [label.get_text() for label in axes.get_yticklabels()] == list(expected.index)
        assert axes.get_xlabel() == f"{metric} (USD)"

    def test_a_second_metric_as_dots(self, campaigns: pd.DataFrame) -> None:
        axes = plots.top(campaigns, "cost", dot="acos", n=5)
        above = next(a for a in axes.figure.axes if a is not axes)
        expected = summarize(campaigns, "campaignName").nlargest(5, "cost")["acos"].to_numpy()
        spots = np.asarray(above.collections[0].get_offsets())
        alone = expected > 4 * np.sort(expected)[-2]
        np.testing.assert_allclose(spots[~alone, 0], expected[~alone])
        assert spots[:, 1].tolist() == [0, 1, 2, 3, 4]
        assert "ACOS" in above.get_xlabel()

    def test_a_dot_beyond_all_others_is_cut_and_told(self) -> None:
        frame = pd.DataFrame({"name": list("abcd"), "cost": [4.0, 3, 2, 1], "x": [1.0, 90, 2, 3]})
        axes = plots.top(frame, "cost", by="name", dot="x")
        above = next(a for a in axes.figure.axes if a is not axes)
        spots = np.asarray(above.collections[0].get_offsets())
        assert spots[:, 0].tolist() == [1.0, 4.5, 2.0, 3.0]
        assert "90 ▸" in words(above)

    def test_a_second_metric_as_colour(self, campaigns: pd.DataFrame) -> None:
        axes = plots.top(campaigns, "sales", hue="acos", n=6)
        expected = summarize(campaigns, "campaignName").nlargest(6, "sales")["acos"]
        lightness = [sum(bar.get_facecolor()[:3]) for bar in axes.patches]
        assert np.argsort(lightness).tolist() == np.argsort(expected.to_numpy()).tolist()
        assert "ACOS" in [a.get_ylabel() for a in axes.figure.axes]

    def test_names_and_numbers(self, campaigns: pd.DataFrame) -> None:
        axes = plots.top(campaigns, "ctr", by="tactic")
        expected = summarize(campaigns, "tactic")["ctr"].sort_values(ascending=False)
        told = [text.get_text() for text in axes.texts]
        assert told == [f"{100 * value:.2f}%" for value in expected]

    def test_what_changed(self, campaigns: pd.DataFrame) -> None:
        days = sorted(campaigns["date"].unique())
        sides = compare(campaigns, (days[0], days[6]), (days[7], days[13]), by="campaignName")
        axes = plots.top(sides, "cost_change", by="campaignName", n=3)
        widths = [bar.get_width() for bar in axes.patches]
        assert widths == pytest.approx(sides["cost_change"].nlargest(3).tolist())


class TestEfficiency:
    def test_cost_against_sales_by_orders(self, campaigns: pd.DataFrame) -> None:
        axes = plots.efficiency(campaigns)
        expected = summarize(campaigns, "campaignName").sort_values("cost", ascending=False)
        bubbles = axes.collections[0]
        spots = np.asarray(bubbles.get_offsets())
        np.testing.assert_allclose(spots, expected[["cost", "sales"]].to_numpy("float64"))
        sizes, orders = bubbles.get_sizes(), expected["orders"].to_numpy("float64")
        np.testing.assert_allclose((sizes - 20) / 380, orders / orders.max())
        assert axes.get_xlabel().startswith("cost (USD)")
        assert axes.get_ylabel() == "sales (USD)"
        assert f"area: orders, up to {orders.max():,.0f}" in words(axes)
        assert expected["campaignName"].iloc[0] in words(axes)

    def test_lines_of_equal_targets(self, campaigns: pd.DataFrame) -> None:
        axes = plots.efficiency(campaigns, acos=[0.1, 0.25], roas=3)
        slopes = {
            round(float(line.get_ydata()[-1] / line.get_xdata()[-1]), 6)
            for line in axes.get_lines()
        }
        assert slopes == {10.0, 4.0, 3.0}
        assert all(f"{name}" in words(axes) for name in ("ACOS 10%", "ACOS 25%", "ROAS 3"))
        assert "ROAS" in words(plots.efficiency(campaigns))
        for wrong in (0, "x", 2500):
            with pytest.raises(InvalidRequest, match=f"acos={wrong!r}"):
                plots.efficiency(campaigns, acos=wrong)
        with pytest.raises(InvalidRequest, match="orders is none"):
            plots.efficiency(campaigns, "orders", roas=3)

    def test_losses_are_below_zero_and_in_sight(self, campaigns: pd.DataFrame) -> None:
        own = add_kpis(campaigns)
        own["profit"] = 0.1 * own["sales"] - own["cost"]
        axes = plots.efficiency(own, "profit")
        lowest = own.groupby("campaignName")["profit"].sum().min()
        assert axes.get_ylim()[0] < lowest < 0
        dots = next(a for a in plots.top(own, dot="profit").figure.axes if a.get_xlabel()[0] == "●")
        assert dots.get_xlim()[0] < lowest


class TestFunnel:
    def test_counts_and_rates(self, campaigns: pd.DataFrame) -> None:
        axes = plots.funnel(campaigns)
        whole = summarize(campaigns).iloc[0]
        by_view = campaigns["costType"] == "VCPM"
        views = campaigns["viewAttributedDetailPageView14d"][by_view].sum()
        views += campaigns["attributedDetailPageView14d"][~by_view].sum()
        expected = [
            whole["impressions"], whole["viewImpressions"], whole["clicks"], views, whole["orders"],
        ]  # fmt: skip
        assert [bar.get_width() for bar in axes.patches] == pytest.approx(expected)
        assert f"{whole['impressions']:,.0f}" in words(axes)
        share = 100 * whole["viewImpressions"] / whole["impressions"]
        assert f"{share:.0f}% of impressions" in words(axes)
        assert f"{views / whole['clicks']:.2f} × clicks" in words(axes)
        assert axes.get_xscale() == "log"

    def test_nothing_is_counted_twice(self, campaigns: pd.DataFrame) -> None:
        summary = summarize(campaigns, "campaignName", total=True)
        ours = [bar.get_width() for bar in plots.funnel(summary).patches]
        theirs = [bar.get_width() for bar in plots.funnel(campaigns).patches]
        assert ours == pytest.approx(theirs)

    def test_stages_without_columns_are_left_out(self, campaigns: pd.DataFrame) -> None:
        axes = plots.funnel(campaigns[["date", "impressions", "clicks"]])
        names = [label.get_text() for label in axes.get_yticklabels()]
        assert names == ["impressions", "clicks"]
        with pytest.raises(InvalidRequest, match=r"metrics=.*viewImpressions"):
            plots.funnel(campaigns[["date", "impressions"]])


class TestHalo:
    def test_advertised_by_purchased(self, asins: pd.DataFrame) -> None:
        metric = "attributedSales14dOtherSKU"
        axes = plots.halo(asins, metric, n=4)
        cells = np.ma.filled(axes.images[0].get_array(), np.nan)
        rows = [label.get_text() for label in axes.get_yticklabels()]
        columns = [label.get_text() for label in axes.get_xticklabels()]
        pair = asins.groupby(["asin", "otherAsin"])[metric].sum()
        for y, row in enumerate(rows[:4]):
            for x, column in enumerate(columns[:4]):
                expected = pair.get((row, column), np.nan)
                assert cells[y, x] == pytest.approx(expected, nan_ok=True)
        assert np.nansum(cells) == pytest.approx(asins[metric].sum())
        assert rows[:4] == asins.groupby("asin")[metric].sum().nlargest(4).index.tolist()
        assert rows[4] == f"{asins['asin'].nunique() - 4} others"
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("purchased", "advertised")
        assert axes.images[0].get_clim()[1] == pytest.approx(np.nanmax(cells[:4, :4]))

    def test_a_total_row_is_no_product(self, asins: pd.DataFrame) -> None:
        metric = "attributedSales14dOtherSKU"
        summary = summarize(asins, ["asin", "otherAsin"], total=True)
        cells = plots.halo(summary, metric, n=3).images[0].get_array()
        assert np.nansum(np.ma.filled(cells, np.nan)) == pytest.approx(asins[metric].sum())

    def test_another_report_is_refused(self, campaigns: pd.DataFrame) -> None:
        with pytest.raises(InvalidRequest, match="fetch_report\\('asins'"):
            plots.halo(campaigns)


class TestCalendar:
    def test_a_row_a_week(self, campaigns: pd.DataFrame) -> None:
        axes = plots.calendar(campaigns, "cost")
        cells = np.ma.filled(axes.images[0].get_array(), np.nan)
        daily = campaigns.groupby("date")["cost"].sum()
        assert np.nansum(cells) == pytest.approx(daily.sum())
        first = daily.index[0]
        assert cells[0, first.day_of_week] == pytest.approx(daily.iloc[0])
        monday = first - timedelta(days=first.day_of_week)
        assert axes.get_yticklabels()[0].get_text() == f"{monday:%b} {monday.day}"
        assert axes.get_xticklabels()[0].get_text() == "Mon"
        assert "cost (USD)" in [a.get_ylabel() for a in axes.figure.axes]

    def test_days_still_changing_are_hatched(self, campaigns: pd.DataFrame) -> None:
        axes = plots.calendar(campaigns, "cost")
        assert len(axes.patches) == 3  # traffic settles within three days, the youngest is one old
        assert "hatched: still changing" in words(axes)

    def test_weeks_are_no_days(self, campaigns: pd.DataFrame) -> None:
        with pytest.raises(InvalidRequest, match="a calendar is of days"):
            plots.calendar(summarize(campaigns, freq="W"))

    def test_a_year_runs_to_the_right(self) -> None:
        days = pd.date_range("2026-01-01", "2026-12-31", unit="s")
        year = pd.DataFrame({"date": days, "clicks": range(len(days))})
        axes = plots.calendar(year, "clicks")
        assert axes.images[0].get_array().shape == (7, 53)
        assert axes.get_yticklabels()[0].get_text() == "Mon"
        on_screen(axes)


ALL: list[tuple[Plot, str]] = [
    (plots.trend, "campaigns"),
    (plots.top, "campaigns"),
    (plots.efficiency, "campaigns"),
    (plots.funnel, "campaigns"),
    (plots.halo, "asins"),
    (plots.calendar, "campaigns"),
]


@pytest.mark.parametrize(("plot", "report"), ALL)
def test_all_draw_in_given_axes_at_the_default_size(
    frames: dict[str, pd.DataFrame], plot: Plot, report: str
) -> None:
    axes = plot(frames[report])
    assert axes.figure.get_size_inches().tolist() == [6.4, 4.0]
    on_screen(axes)
    figure, given = plt.subplots(figsize=(6, 4))
    before = plt.get_fignums()
    assert plot(frames[report], ax=given) is given
    assert plt.get_fignums() == before
    figure.canvas.draw()


@pytest.mark.parametrize(("plot", "report"), ALL)
def test_all_say_that_there_is_nothing(
    frames: dict[str, pd.DataFrame], plot: Plot, report: str
) -> None:
    axes = plot(frames[report].head(0))
    assert [text.get_text() for text in axes.texts] == ["no rows"]


@pytest.mark.parametrize(("plot", "report"), ALL)
def test_all_say_that_there_are_no_values(
    frames: dict[str, pd.DataFrame], plot: Plot, report: str
) -> None:
    frame = frames[report].copy()
    for name in frame.columns[frame.dtypes.astype("str").isin(["Int64", "float64"])]:
        if not name.endswith("Id"):
            frame[name] = pd.Series(pd.NA, frame.index, dtype="Int64").astype(frame[name].dtype)
    axes = plot(frame)
    assert [text.get_text() for text in axes.texts] == ["no values"]
    on_screen(axes)
    zero = frame.fillna(dict.fromkeys(frame.columns[frame.isna().all()], 0))
    on_screen(plot(zero))


@pytest.mark.parametrize(("plot", "report"), ALL)
def test_none_leaves_a_figure_behind_when_a_style_is_unknown(
    frames: dict[str, pd.DataFrame], plot: Plot, report: str
) -> None:
    with pytest.raises(AttributeError):
        plot(frames[report], nosuchstyle=1)
    assert plt.get_fignums() == []


def test_the_legend_is_in_the_figure(frames: dict[str, pd.DataFrame]) -> None:
    for layout in (None, "constrained"):
        figure, axes = plt.subplots(figsize=(6, 4), layout=layout)
        long = "夏のセール2026年バックパック専門店向けキャンペーン"
        japan = frames["japan"]
        named = japan.assign(campaignName=japan["campaignName"] + long)
        legend = plots.trend(named, by="campaignName", ax=axes).get_legend()
        figure.canvas.draw()
        box = legend.get_window_extent()
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0


@pytest.mark.parametrize("top", [12.0, 0.12, 2.4e6, 34.56])
def test_ticks_say_where_they_are(top: float) -> None:
    days = pd.date_range("2026-11-01", periods=5, unit="s")
    axes = plots.trend(pd.DataFrame({"date": days, "cost": np.linspace(0, top, 5)}))
    on_screen(axes)
    for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
        text = label.get_text()
        scale = 1e6 if text.endswith("M") else 1.0
        assert float(text.rstrip("M").replace(",", "")) * scale == pytest.approx(place)


@pytest.mark.parametrize(("plot", "report"), ALL)
def test_all_pass_styles_on(frames: dict[str, pd.DataFrame], plot: Plot, report: str) -> None:
    axes = plot(frames[report], alpha=0.37)
    artists = [*axes.lines, *axes.patches, *axes.collections, *axes.images]
    assert 0.37 in [artist.get_alpha() for artist in artists]


@pytest.mark.parametrize("plot", [plots.trend, plots.top, plots.efficiency])
def test_currencies_are_not_mixed(frames: dict[str, pd.DataFrame], plot: Plot) -> None:
    both = pd.concat([frames["campaigns"], frames["japan"]])
    with pytest.raises(InvalidRequest, match="JPY, USD"):
        plot(both)
    on_screen(plots.top(both, "ctr"))  # what is in no currency may stand side by side


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"metric": "costt"}, "did you mean 'cost'"),
        ({"metric": "acoss"}, "did you mean 'acos'"),
        ({"by": "campagneName"}, "did you mean 'campaignName'"),
        ({"by": "adGroupName"}, "campaigns have no adGroupName"),
        ({"by": "costType"}, r"fetch it with metrics=\[..., 'costType'\]"),
        ({"by": ["campaignName"]}, "not the name of one column"),
        ({"metric": None}, "is no metric"),
        ({"n": 0}, "n=0 is no number of names"),
        ({"n": 2.5}, "n=2.5 is no number of names"),
        ({"ax": "left"}, "ax is no Axes but a str"),
        ({"metric": "campaignName"}, "not numeric"),
        ({"metric": "campaignId"}, "not numeric"),
        ({"metric": "vtr"}, r"metrics=\['vtr', 'viewImpressions', 'impressions'\]"),
        ({"metric": "campaignBudget", "by": "tactic"}, "may not be summed"),
        ({"metric": "videoUnmutes"}, r"fetch it with metrics=\[..., 'videoUnmutes'\]"),
        (
            {"metric": "acos"},
            r"metrics=\['cost', 'costType', 'attributedSales14d', 'viewAttributedSales14d'\]",
        ),
    ],
)
def test_what_cannot_be_drawn_truly_is_refused(
    campaigns: pd.DataFrame, arguments: dict[str, Any], told: str
) -> None:
    few = ["date", "tactic", "campaignId", "campaignName", "cost", "campaignBudget"]
    frame = campaigns[few].assign(vtr=0.5)
    before = plt.get_fignums()
    for plot in (plots.trend, plots.top):
        with pytest.raises(InvalidRequest, match=told):
            plot(frame, **arguments)
    assert plt.get_fignums() == before


def test_what_a_report_never_has_is_said(asins: pd.DataFrame) -> None:
    with pytest.raises(InvalidRequest, match="asins have no clicks, impressions"):
        plots.trend(asins, "ctr")


class TestNames:
    def test_japanese_is_drawn_or_numbered_with_a_word_about_it(
        self, frames: dict[str, pd.DataFrame]
    ) -> None:
        japan = frames["japan"]
        if fonts.font_families_for("急") == fonts.font_families_for("a"):
            with pytest.warns(UserWarning, match="name 1 = .*Noto Sans CJK"):
                axes = plots.top(japan, "cost", n=3)
            names = [label.get_text() for label in axes.get_yticklabels()]
            assert names == ["name 1", "name 2", "name 3"]
        else:
            axes = plots.top(japan, "cost", n=3)
            largest = japan.groupby("campaignName")["cost"].sum().nlargest(3).index
            assert [label.get_text() for label in axes.get_yticklabels()] == list(largest)
        on_screen(axes)  # a letter without a glyph would warn

    def test_letters_that_no_font_has(self, campaigns: pd.DataFrame) -> None:
        names = dict(enumerate(["\U0010fffd sale", "\U0010fffe sale", "\U0010fffd\U0010fffd", "a"]))
        codes = pd.Series(pd.factorize(campaigns["campaignName"])[0] % 4, index=campaigns.index)
        odd = campaigns.assign(campaignName=codes.map(names))
        with pytest.warns(UserWarning, match="name 1 = \U0010fffd\U0010fffd"):
            axes = plots.top(odd, "cost")
        drawn = {label.get_text() for label in axes.get_yticklabels()}
        assert drawn == {"□ sale", "□ sale (2)", "name 1", "a"}
        on_screen(axes)

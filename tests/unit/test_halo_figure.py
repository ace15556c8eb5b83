"""The figure `halo`: cells, order, totals, shares, and names of products."""

from __future__ import annotations

import itertools
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from sdanalytics import InvalidRequest, summarize
from sdanalytics import plots as typed_plots
from sdanalytics.plots.colors import contrast
from tests.support.figures import text_below
from tests.support.samples import sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack
METRIC = "attributedSales14dOtherSKU"


@pytest.fixture
def asins() -> pd.DataFrame:
    return sample_frame("asins", 21, 1)


def small(sales: dict[tuple[str, str], float]) -> pd.DataFrame:
    """Return sales by advertised and purchased product, as those of CPC campaigns."""
    pairs = list(sales)
    return pd.DataFrame(
        {
            "asin": [advertised for advertised, _ in pairs],
            "otherAsin": [purchased for _, purchased in pairs],
            "costType": "CPC",
            METRIC: list(sales.values()),
            "viewAttributedSales14dOtherSKU": 0.0,
            "currency": "USD",
        }
    )


SALES = {
    ("A", "B"): 60.0, ("A", "C"): 10.0, ("B", "A"): 50.0, ("B", "C"): 0.0,
    ("C", "D"): 5.0, ("A", "D"): 1.0, ("D", "D"): 2.0,
}  # fmt: skip


def cells(axes: Any) -> Any:
    return np.ma.filled(axes.images[0].get_array().astype("float64"), np.nan)


def labels(axis: Any) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def numbers(axes: Any) -> dict[tuple[float, float], str]:
    """Return the numbers that are shown, by column and row."""
    axes.figure.canvas.draw()
    return {text.get_position(): text.get_text() for text in axes.texts if text.get_visible()}


def test_cells_are_of_an_advertised_and_a_purchased_product(asins: pd.DataFrame) -> None:
    axes = plots.halo(asins, METRIC, n=4)
    pair = asins.groupby(["asin", "otherAsin"])[METRIC].sum()
    rows, columns = labels(axes.yaxis), labels(axes.xaxis)
    drawn = cells(axes)
    for y, row in enumerate(rows[:3]):
        for x, column in enumerate(columns[:3]):
            expected = pair.get((row, column), np.nan)
            assert drawn[y, x] == pytest.approx(expected, nan_ok=True)
    assert rows[-2].endswith("others")
    assert (rows[-1], columns[-1]) == ("total", "total")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("purchased", "advertised")
    assert axes.images[0].get_clim() == (0.0, pytest.approx(np.nanmax(drawn)))
    table = plots.data("halo", asins, METRIC, n=4)
    assert table[METRIC].sum() == pytest.approx(asins[METRIC].sum())


def test_rows_and_columns_have_one_order_and_the_product_itself_an_outline() -> None:
    axes = plots.halo(small(SALES))
    assert labels(axes.yaxis) == ["A", "B", "C", "D", "total"]
    assert labels(axes.xaxis) == ["A", "B", "C", "D", "total"]
    outlines = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [patch.get_center().tolist() for patch in outlines] == [[n, n] for n in range(4)]
    assert "outlined: the advertised product itself" in text_below(axes)


def test_totals_are_at_the_edges() -> None:
    shown = numbers(plots.halo(small(SALES)))
    assert [shown[4, row] for row in range(5)] == ["71", "50", "5", "2", "128"]
    assert [shown[column, 4] for column in range(5)] == ["50", "60", "10", "8", "128"]


def test_nothing_sold_differs_from_no_row() -> None:
    axes = plots.halo(small(SALES))
    shown = numbers(axes)
    assert shown[2, 1] == "0"
    assert (0, 2) not in shown
    zero = to_hex(axes.images[0].to_rgba(0.0))
    assert contrast(zero, to_hex(axes.get_facecolor())) > 1.1


def test_products_have_the_names_of_a_mapping_without_what_they_share() -> None:
    names = {asin: f"Northwind Outdoor equipment, tent of kind {asin}" for asin in "ABC"}
    axes = plots.halo(small(SALES).query("otherAsin != 'D'"), names=names)
    assert labels(axes.yaxis)[:2] == ["A", "B"]
    assert labels(axes.xaxis)[:3] == ["A", "B", "C"]
    assert "Northwind Outdoor equipment, tent of kind" in text_below(axes)
    table = plots.data("halo", small(SALES), names={"A": "Tent"})
    assert table["advertised"].tolist()[:2] == ["Tent", "Tent"]
    assert table["asin"].tolist()[:2] == ["A", "A"]


def test_the_title_says_in_words_what_was_sold() -> None:
    words = {
        "halo_sales": "sales of other products, by product",
        METRIC: "sales of other products, after a click, by product",
        "viewAttributedSales14dOtherSKU": (
            "sales of other products, after a view or a click, by product"
        ),
    }
    frame = small(SALES).assign(viewAttributedSales14dOtherSKU=1.0)
    for metric, title in words.items():
        assert plots.halo(frame, metric).get_title(loc="left") == title
    axes = plots.halo(frame)
    assert axes.figure.axes[1].get_ylabel() == "sales of other products (USD)"


def test_ads_tell_the_share_that_other_products_have_of_all_sales() -> None:
    ads = pd.DataFrame(
        {
            "asin": ["A", "B", "C", "D", "E"],
            "costType": "CPC",
            "attributedSales14d": [142.0, 100.0, 50.0, 4.0, 1000.0],
            "viewAttributedSales14d": 0.0,
        }
    )
    axes = plots.halo(small(SALES), ads=ads.head(4))
    shown = numbers(axes)
    assert labels(axes.xaxis)[-1] == "share of its sales"
    assert [shown[5, row] for row in range(5)] == ["50%", "50%", "10%", "50%", "43%"]
    others = plots.data("halo", small(SALES), ads=ads, n=1)
    expected = [71 / 142, 57 / 1154]
    assert others.groupby("advertised", sort=False)["share"].first().tolist() == pytest.approx(
        expected
    )
    with pytest.raises(InvalidRequest, match="a metric of other products"):
        plots.halo(small(SALES).assign(mine=1.0), "mine", ads=ads)


def test_ads_must_be_of_the_same_days(asins: pd.DataFrame) -> None:
    plots.halo(asins, ads=sample_frame("productAds", 21, 1))
    with pytest.raises(InvalidRequest, match="ads must be of the same days"):
        plots.halo(asins, ads=sample_frame("productAds", 14, 1))


def test_one_huge_pair_does_not_turn_the_others_white() -> None:
    axes = plots.halo(small({**SALES, ("C", "B"): 90_000.0}))
    assert axes.images[0].get_clim()[1] == pytest.approx(90.0)
    assert "60" in numbers(axes).values()
    assert contrast(to_hex(axes.images[0].to_rgba(60.0)), "white") > 3


def test_narrow_axes_show_names_and_colours_only(asins: pd.DataFrame) -> None:
    _, given = plt.subplots(figsize=(3.2, 3), layout="constrained")
    plots.halo(asins, ax=given)
    assert len(given.figure.axes) == 1
    assert numbers(given) == {}
    boxes = [label.get_window_extent() for label in given.get_yticklabels()]
    for upper, lower in itertools.pairwise(boxes):
        assert lower.y1 <= upper.y0 + 1


def test_products_without_any_sales_are_said() -> None:
    axes = plots.halo(small(dict.fromkeys(SALES, 0.0)))
    assert [text.get_text() for text in axes.texts] == ["sales of other products: 0 for all"]


def test_a_total_row_is_not_a_product(asins: pd.DataFrame) -> None:
    summary = summarize(asins, ["asin", "otherAsin"], total=True)
    table = plots.data("halo", summary, METRIC, n=3)
    assert table[METRIC].sum() == pytest.approx(asins[METRIC].sum())


def test_another_report_is_rejected() -> None:
    with pytest.raises(InvalidRequest, match="fetch_report\\('asins'"):
        plots.halo(sample_frame("campaigns", 7, 1))

"""Draw every figure in hard situations, light and dark: ``make pictures`` does, too.

The two pages, ``figures-light.png`` and ``figures-dark.png``, have a column for each figure and a
row for each situation, with their names at the edges. They are looked at, and committed, whenever
a figure changes.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

import sdanalytics as sda

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))  # the tests have the sandbox on a clock, and curves

from tests.support.box import Box  # noqa: E402
from tests.support.clock import JumpingClock  # noqa: E402
from tests.support.curves import make_curve, shares  # noqa: E402
from tests.support.samples import GERMANY, JAPAN, US, sample_frame  # noqa: E402

THEMES: Final = {"light": "default", "dark": "dark_background"}
WIDTH, HEIGHT = 420, 300
"""The size of a cell of the page, in pixels."""
LEFT, TOP = 130, 30
"""The room for the names of situations and figures, in pixels."""
CAMPAIGNS: Final = 300
CONVENTION: Final = "SD | US | 2026 Q4 | {} | CPC | do not pause"
LONG: Final = 400
"""Days of the longest frame."""


@dataclass(frozen=True)
class Situation:
    """Frames to draw, and the size of the figures in inches."""

    campaigns: pd.DataFrame
    asins: pd.DataFrame
    width: float = 6.4
    height: float = 4.4


def list_situations() -> dict[str, Situation]:
    """Return the situations by their names."""
    campaigns = sample_frame("campaigns", 56, 1)
    asins = sample_frame("asins", 28, 1)
    one_day = Situation(sample_frame("campaigns", 1, 1), sample_frame("asins", 1, 1))
    return {
        "as usual": Situation(campaigns, asins),
        "3.2 inches": Situation(campaigns, asins, width=3.2, height=2.8),
        "12 inches": Situation(campaigns, asins, width=12, height=8),
        "1 day": one_day,
        f"{LONG} days": Situation(sample_frame("campaigns", LONG, 1), asins),
        f"{CAMPAIGNS} campaigns": Situation(fetch_large_account(), name_long(asins)),
        "an outlier": Situation(add_outlier(campaigns), add_outlier(asins)),
        "zeros": Situation(set_results(campaigns, 0), set_results(asins, 0)),
        "missing values": Situation(set_results(campaigns, None), set_results(asins, None)),
        "negative values": Situation(negate_some(campaigns), negate_some(asins)),
        "Japanese": Situation(
            sample_frame("campaigns", 28, 1, profile_id=JAPAN),
            sample_frame("asins", 28, 1, profile_id=JAPAN),
        ),
        "three profiles": Situation(join_profiles("campaigns"), join_profiles("asins")),
    }


def fetch_large_account() -> pd.DataFrame:
    """Fetch four weeks of an account of many campaigns, which are named by convention."""
    box = Box(JumpingClock(), campaigns=CAMPAIGNS)
    with box.sandbox, tempfile.TemporaryDirectory() as folder:
        client = box.client_for(0, "v3")
        frame = sda.fetch_report("campaigns", box.day(28), box.day(1), client=client, cache=folder)
    names = [CONVENTION.format(name) for name in frame["campaignName"]]
    return frame.assign(campaignName=names)


def name_long(asins: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose products have long names."""
    names = {asin: f"Northwind Outdoor tent, waterproof, {asin}" for asin in asins["asin"].unique()}
    return asins.assign(asin=asins["asin"].map(names))


def add_outlier(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of which one row is a hundred times what it was."""
    changed = frame.copy()
    numbers = frame.select_dtypes("float64").columns
    position = len(frame) // 2
    changed.iloc[position, frame.columns.get_indexer(numbers)] *= 100
    return changed


def set_results(frame: pd.DataFrame, value: float | None) -> pd.DataFrame:
    """Return a frame whose numbers are all one value, or missing."""
    changed = frame.copy()
    for name in frame.columns[frame.dtypes.astype("str").isin(["float64", "Int64"])]:
        if not name.endswith("Id"):
            changed[name] = pd.Series(value, frame.index, dtype=frame[name].dtype)
    return changed


def negate_some(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame in which a third of the rows have negative amounts of money."""
    changed = frame.copy()
    is_negative = np.arange(len(frame)) % 3 == 0
    for name in frame.select_dtypes("float64").columns:
        changed.loc[is_negative, name] *= -1
    return changed


def join_profiles(record_type: Any) -> pd.DataFrame:
    """Return rows of three profiles, of three currencies; `concat` loses the metadata."""
    frames = []
    for profile_id, currency in {US: "USD", GERMANY: "EUR", JAPAN: "JPY"}.items():
        frame = sample_frame(record_type, 28, 1, profile_id=profile_id)
        frames.append(frame.assign(profile_id=profile_id, currency=currency))
    return pd.concat(frames, ignore_index=True)


def split_days(frame: pd.DataFrame) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the first and the second half of a frame's days; of one day, twice this day."""
    days = [f"{day:%Y-%m-%d}" for day in sorted(frame["date"].unique())]
    half = len(days) // 2
    return (days[0], days[max(half - 1, 0)]), (days[half], days[-1])


def list_figures(situation: Situation) -> Mapping[str, Callable[[Any], Any]]:
    """Return what draws each figure of a situation into axes."""
    campaigns = situation.campaigns
    asins = situation.asins
    first, second = split_days(campaigns)
    curve = make_curve({"CPC": {"orders": shares(0.6)}, "VCPM": {"orders": shares(0.7, 6)}})
    several = "profile_id" in campaigns
    by = "profile_id" if several else "campaignName"
    ratio = "roas" if several else "sales"
    plots = sda.plots
    return {
        "trend": lambda ax: plots.trend(campaigns, "acos", by=by, ax=ax),
        "trend, one line": lambda ax: plots.trend(campaigns, ratio, ax=ax),
        "top": lambda ax: plots.top(campaigns, "roas", by=by, dot="acos", ax=ax),
        "top, colours": lambda ax: plots.top(
            campaigns, "orders", by=by, hue="acos", target=0.3, ax=ax
        ),
        "efficiency": lambda ax: plots.efficiency(campaigns, by="campaignName", acos=0.3, ax=ax),
        "funnel": lambda ax: plots.funnel(campaigns, ax=ax),
        "halo": lambda ax: plots.halo(asins, "halo_orders" if several else "halo_sales", ax=ax),
        "calendar": lambda ax: plots.calendar(campaigns, ratio, ax=ax),
        "waterfall": lambda ax: plots.waterfall(
            sda.explain(campaigns, first, second, metric="clicks", by=by), ax=ax
        ),
        "pacing": lambda ax: plots.pacing(sda.pacing(campaigns, "2026-11"), ax=ax),
        "maturity": lambda ax: plots.maturity(curve, ax=ax),
    }


def draw_cell(draw: Callable[[Any], Any], width: float, height: float) -> Image.Image:
    """Return the picture of a figure, or what was raised in place of one."""
    figure, ax = plt.subplots(figsize=(width, height), layout="constrained")
    try:
        draw(ax)
    except sda.InvalidRequest as error:
        ax.set_axis_off()
        ax.text(0.5, 0.5, str(error), ha="center", va="center", wrap=True, fontsize="small")
    canvas: Any = FigureCanvasAgg(figure)  # its methods have no annotations
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    plt.close(figure)
    picture.thumbnail((WIDTH - 8, HEIGHT - 8))
    return picture


def draw_page(theme: str, situations: Mapping[str, Situation]) -> Image.Image:
    """Return the page of a theme."""
    names = list(list_figures(next(iter(situations.values()))))
    size = LEFT + len(names) * WIDTH, TOP + len(situations) * HEIGHT
    with plt.style.context(THEMES[theme]):
        page = Image.new("RGB", size, mpl.colors.to_hex(mpl.rcParams["figure.facecolor"]))
        write_names(page, names, list(situations))
        for row, situation in enumerate(situations.values()):
            for column, draw in enumerate(list_figures(situation).values()):
                corner = LEFT + column * WIDTH, TOP + row * HEIGHT
                page.paste(draw_cell(draw, situation.width, situation.height), corner)
    return page


def write_names(page: Image.Image, figures: Sequence[str], situations: Sequence[str]) -> None:
    """Write the names of the columns above them, and those of the rows at their left."""
    pen = ImageDraw.Draw(page)
    font = ImageFont.truetype(findfont("DejaVu Sans"), 15)
    color = mpl.colors.to_hex(mpl.rcParams["text.color"])
    for column, name in enumerate(figures):
        pen.text((LEFT + column * WIDTH, 6), name, color, font)
    for row, name in enumerate(situations):
        pen.text((6, TOP + row * HEIGHT + 6), name, color, font)


def draw_pages() -> None:
    """Draw and save both pages."""
    mpl.use("agg")
    warnings.simplefilter("ignore")  # of what the frames lack: the figures say it, too
    situations = list_situations()
    for theme in THEMES:
        page = draw_page(theme, situations)
        page.quantize(128).save(DOCS / f"figures-{theme}.png", optimize=True)


if __name__ == "__main__":
    draw_pages()

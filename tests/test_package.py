"""What a new user meets: the import, the command line, the bar, the figures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from sdanalytics import InvalidRequest, fetch_report, plots
from sdanalytics.progress import Progress
from sdanalytics.query import Slice
from tests.conftest import Box, JumpingClock


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


HEAVY = ("matplotlib", "ipywidgets", "IPython", "werkzeug", "tqdm")


def loaded_by(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter has after running `code`."""
    listing = "print(json.dumps([name for name in sys.modules if '.' not in name]))"
    script = f"{code}\nimport json, sys\n{listing}"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def test_importing_pulls_in_nothing_heavy() -> None:
    loaded = loaded_by("import sdanalytics")
    assert loaded.isdisjoint((*HEAVY, "pandas", "pyarrow", "requests", "numpy"))
    assert loaded_by("from sdanalytics import fetch_report").isdisjoint(HEAVY)


def test_types_ship() -> None:
    import sdanalytics

    assert (Path(sdanalytics.__file__).parent / "py.typed").exists()


def run_demo(folder: Path) -> str:
    command = [
        sys.executable,
        "-m",
        "sdanalytics",
        "demo",
        "--delay",
        "0.2",
        "--output",
        str(folder),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_demo_shows_the_main_job(tmp_path: Path) -> None:
    out = run_demo(tmp_path / "demo")
    assert "14 days fetched, 0 from the cache" in out
    assert "0 days fetched, 14 from the cache" in out
    assert "0 requests were sent" in out
    for name in ("campaigns.png", "asins.png"):
        assert (tmp_path / "demo" / name).stat().st_size > 10_000
        assert name in out
    assert "56 files" in out


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_the_sandbox_can_be_served_and_prints_its_environment(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sdanalytics", "sandbox", "--port", "0", "--delay", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(8)]
        exports = "".join(line for line in lines if line.startswith("export "))
        assert exports.count("export SDANALYTICS_") == 7
        code = "import sdanalytics as s, datetime as d; print(s.Client.from_env().profiles().shape)"
        script = f"{exports}\n{sys.executable} -c '{code}'"
        run = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=10) == 130
    assert run.stdout.strip() == "(3, 8)"


def test_a_port_that_is_taken_is_said(box: Box) -> None:
    port = box.sandbox.base_url.rpartition(":")[2]
    command = [sys.executable, "-m", "sdanalytics", "sandbox", "--port", port]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith(f"sdanalytics: port {port} cannot be had")


def test_the_bar_tells_how_the_reports_are_doing(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_report("campaigns", box.day(3), box.day(1), client=box.client, cache=False, progress=True)
    shown = capsys.readouterr().err
    assert "campaigns: 6 of 6 reports" in shown
    assert "waiting" in shown
    assert "0 from the cache" in shown


def test_no_bar_where_nobody_looks_or_nobody_wants_it(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    for progress in (None, False):
        fetch_report("campaigns", box.day(1), client=box.client, cache=False, progress=progress)
    assert capsys.readouterr().err == ""


def test_the_bar_waits_a_second_before_it_appears(
    clock: JumpingClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdanalytics.progress.somebody_looks", lambda: True)
    with Progress("targets", 4, 1, None, clock):
        pass
    assert capsys.readouterr().err == ""
    piece = Slice("NA", "1", "targets", None, "T00020", date(2026, 11, 1))
    with Progress("targets", 4, 1, None, clock) as bar:
        clock.pass_time(2)
        bar.watch(piece, "downloading")
    assert "targets: 1 of 4 reports" in capsys.readouterr().err


def test_trend_draws_daily_sums_and_folds_the_rest(box: Box) -> None:
    frame = fetch_report("campaigns", box.day(7), box.day(1), client=box.client, cache=False)
    axes = plots.trend(frame, "cost", by="campaignName", n=3)
    assert isinstance(axes, Axes)
    lines = {str(line.get_label()): line for line in axes.get_lines()}
    others = frame["campaignName"].nunique() - 3
    largest = frame.groupby("campaignName")["cost"].sum().nlargest(3).index
    assert list(lines) == [*largest, f"{others} others"]
    drawn = sum(np.nansum(np.asarray(line.get_ydata(), float)) for line in lines.values())
    assert drawn == pytest.approx(frame["cost"].sum())
    assert axes.get_ylabel() == "cost (USD)"
    whole = plots.trend(frame, "clicks").get_lines()[0].get_ydata()
    assert list(whole) == frame.groupby("date")["clicks"].sum().tolist()  # type: ignore[arg-type]


def test_no_money_is_lost_whatever_campaigns_are_called(box: Box) -> None:
    frame = fetch_report("campaigns", box.day(4), box.day(1), client=box.client, cache=False)
    names = frame["campaignName"].unique().tolist()
    strange = ["2 others", None, "_private", "$5 to $10 off", "x" * 40 + "1", "x" * 40 + "2"]
    renamed = frame["campaignName"].replace(dict(zip(names, strange, strict=False)))
    odd = frame.assign(campaignName=renamed)
    axes = plots.trend(odd, "cost", by="campaignName", n=6)
    drawn = sum(np.nansum(np.asarray(line.get_ydata(), float)) for line in axes.get_lines())
    assert drawn == pytest.approx(frame["cost"].sum())
    legend = axes.get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == 7
    bars = plots.top(odd, "cost", n=20)
    assert len({bar.get_y() for bar in bars.patches}) == len(names)  # type: ignore[attr-defined]
    assert sum(bar.get_width() for bar in bars.patches) == pytest.approx(frame["cost"].sum())  # type: ignore[attr-defined]
    bars.figure.canvas.draw()
    axes.figure.canvas.draw()


def test_one_day_is_drawn_as_one_day_and_a_missing_day_as_a_gap(box: Box) -> None:
    frame = fetch_report("campaigns", box.day(5), box.day(1), client=box.client, cache=False)
    one = plots.trend(frame[frame["date"] == box.day(3)], "cost")
    low, high = one.get_xlim()
    assert high - low == pytest.approx(2.0)
    gap = plots.trend(frame[frame["date"] != box.day(3)], "cost").get_lines()[0].get_ydata()
    assert np.isnan(np.asarray(gap, float)).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"metric": "costt"}, "did you mean 'cost'"),
        ({"by": "campagneName"}, "did you mean 'campaignName'"),
        ({"metric": "campaignName"}, "no number"),
        ({"metric": "campaignId"}, "no number"),
        ({"metric": "vtr"}, "may not be summed"),
        ({"metric": "campaignBudget"}, "may not be summed"),
    ],
)
def test_what_cannot_be_drawn_truly_is_refused(
    box: Box, arguments: dict[str, str], told: str
) -> None:
    metrics = ["campaignName", "cost", "vtr", "campaignBudget"]
    frame = fetch_report("campaigns", box.day(1), metrics=metrics, client=box.client, cache=False)
    before = plt.get_fignums()
    for plot in (plots.trend, plots.top):
        with pytest.raises(InvalidRequest, match=told):
            plot(frame, **arguments)  # type: ignore[arg-type]
    assert plt.get_fignums() == before


def test_currencies_are_not_added(box: Box) -> None:
    frames = [
        fetch_report("campaigns", box.day(2), client=box.client_for(n), cache=False) for n in (0, 1)
    ]
    with pytest.raises(InvalidRequest, match="EUR, USD"):
        plots.trend(pd.concat(frames), "cost")


def test_top_draws_the_largest_first(box: Box) -> None:
    frame = fetch_report("asins", box.day(7), box.day(1), client=box.client, cache=False)
    metric = "attributedSales14dOtherSKU"
    axes = plots.top(frame, metric, by="otherAsin", n=4)
    expected = frame.groupby("otherAsin")[metric].sum().nlargest(4)
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(expected.tolist())  # type: ignore[attr-defined]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(expected.index)
    assert axes.get_xlabel() == f"{metric} (USD)"


def test_plots_take_axes_and_empty_frames(box: Box) -> None:
    box.sandbox.fill_with(lambda report: [])
    frame = fetch_report("campaigns", box.day(1), client=box.client, cache=False)
    _, axes = plt.subplots()
    assert plots.trend(frame, "cost", ax=axes) is axes
    assert [text.get_text() for text in axes.texts] == ["no rows"]
    assert plots.top(frame, "cost").texts

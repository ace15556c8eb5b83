"""The coverage of a store, and its picture."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, to_rgb
from matplotlib.text import Text

from sdanalytics import InvalidRequest, ReportCache
from sdanalytics import plots as typed_plots
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.model.profiles import Profile
from sdanalytics.store.cache import internal_store
from tests.support.stores import partitions_in

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
STATES = ["final", "restatable", "empty", "missing", "gone"]
COLUMNS = [
    "source", "profile_id", "record_type", "segment", "tactic", "date", "state", "rows",
    "fetched_at", "is_due",
]  # fmt: skip


def put(
    store: ReportCache,
    ago: int,
    *,
    fetched: int = 0,
    rows: int = 2,
    record_type: str = "campaigns",
    tactic: str = "T00020",
    profile_id: str = "1",
    source: str = "NA",
    segment: str | None = None,
) -> None:
    """Store the day `ago` days before today, as fetched `fetched` days before today."""
    partition = Partition(source, profile_id, record_type, segment, tactic, TODAY - timedelta(ago))
    keys = {"campaigns": ["campaignId"], "targets": ["campaignId", "adGroupId", "targetId"]}
    names = [*keys[record_type], *(["matchedTarget"] if segment else [])]
    texts = pa.array(["x"] * rows, pa.string())
    numbers = pa.array(range(rows), pa.int64())
    table = pa.table({name: texts if name == "matchedTarget" else numbers for name in names})
    origin = Provenance("r", NOW - timedelta(fetched), "v2")
    partitions_in(store).store_report({partition: table}, origin)


def states(store: ReportCache, *arguments: Any, **options: Any) -> dict[int, str]:
    """Return the state of each day, by its days before today."""
    frame = store.coverage(*arguments, now=NOW, **options)
    ages = [(pd.Timestamp(TODAY) - day).days for day in frame["date"]]
    return dict(zip(ages, frame["state"].astype("str"), strict=True))


def due(store: ReportCache, **options: Any) -> list[int]:
    frame = store.coverage(now=NOW, **options)
    return [(pd.Timestamp(TODAY) - day).days for day in frame.loc[frame["is_due"], "date"]]


class TestStates:
    def test_each_day_has_a_state(self, store: ReportCache) -> None:
        put(store, 90, fetched=30)  # 60 days old when it was fetched
        put(store, 88, fetched=80)  # 8 days old, and too old to be fetched again
        put(store, 87, fetched=80, rows=0)
        put(store, 86, fetched=31)  # 55 days old: it had no last look
        put(store, 60)
        put(store, 59, fetched=4)
        put(store, 50)
        put(store, 49, rows=0)
        put(store, 43)
        put(store, 42)
        put(store, 2, fetched=1)
        put(store, 1)
        by_day = states(store)
        assert list(by_day) == list(range(90, 0, -1))
        stored = {ago: state for ago, state in by_day.items() if state not in ("missing", "gone")}
        assert stored == {
            90: "final", 88: "restatable", 87: "empty", 86: "restatable", 60: "restatable",
            59: "restatable", 50: "restatable", 49: "empty", 43: "restatable",
            42: "restatable", 2: "restatable", 1: "restatable",
        }  # fmt: skip
        assert {ago for ago, state in by_day.items() if state == "gone"} == {89, *range(61, 86)}
        absent = [ago for ago, state in by_day.items() if state == "missing"]
        assert absent == [ago for ago in range(60, 2, -1) if ago not in stored]
        assert due(store) == sorted([*absent, 59, 2], reverse=True)

    def test_columns_and_types_are_as_documented(self, store: ReportCache) -> None:
        put(store, 3, rows=0)
        put(store, 2, rows=7, segment="matchedTarget", tactic="T00030")
        frame = store.coverage(now=NOW)
        assert frame.columns.tolist() == COLUMNS
        empty = ReportCache(store.path / "nothing").coverage()
        for table in (frame, empty):
            assert table.dtypes.astype("str").tolist() == [
                *["str"] * 5, "datetime64[s]", "category", "Int64", "datetime64[us, UTC]", "bool",
            ]  # fmt: skip
            assert table["state"].cat.categories.tolist() == STATES
            assert table["state"].cat.ordered
        assert frame.columns.equals(empty.columns)
        assert frame["tactic"].tolist() == ["T00020"] * 3 + ["T00030"] * 2
        assert frame["segment"].isna().tolist() == [True] * 3 + [False] * 2
        assert frame["rows"].astype("object").where(frame["rows"].notna(), None).tolist() == [
            0, None, None, 7, None,
        ]  # fmt: skip
        assert frame["fetched_at"].isna().tolist() == frame["rows"].isna().tolist()
        assert frame["fetched_at"][0] == NOW
        assert (frame["state"] < "missing").tolist() == frame["rows"].notna().tolist()

    def test_version_3_keeps_more_days(self, store: ReportCache) -> None:
        put(store, 70)
        by_day = states(store, history_days=65)
        assert (by_day[66], by_day[65], by_day[61]) == ("gone", "missing", "missing")
        assert 65 in due(store, history_days=65)
        assert 66 not in due(store, history_days=65)

    def test_a_day_fetched_in_the_future_is_not_final(self, store: ReportCache) -> None:
        put(store, 62, fetched=-10)
        put(store, 61, fetched=2)
        latest = store.coverage(now=NOW, history_days=65).head(2)
        assert latest["state"].tolist() == ["restatable", "final"]
        assert latest["is_due"].tolist() == [True, False]

    def test_damaged_and_foreign_files_count_as_absent(self, store: ReportCache) -> None:
        for ago in (3, 2, 1):
            put(store, ago)
            put(store, ago, tactic="T00030")
        path = sorted((store.path / "reports").rglob("report.parquet"))[1]
        path.write_bytes(b"")
        (path.parents[1] / "notes.txt").write_text("mine")
        frame = store.coverage(now=NOW)
        assert frame["state"].astype("str").tolist().count("missing") == 1
        assert len(frame) == 6


class TestDays:
    def test_days_are_in_the_time_zone_of_the_profile(self, store: ReportCache) -> None:
        zones = {"1": "America/Los_Angeles", "2": "Asia/Tokyo", "3": None}
        for profile_id, zone in zones.items():
            put(store, 62, profile_id=profile_id)
            if zone:
                profile = Profile(profile_id, "XX", "XXX", zone, "seller", "x")
                internal_store(store).metadata.store_profile("NA", profile)
        for moment, last in (
            (datetime(2026, 11, 20, 7, 59, tzinfo=UTC), {"1": 18, "2": 19, "3": 19}),
            (datetime(2026, 11, 20, 8, 0, tzinfo=UTC), {"1": 19, "2": 19, "3": 19}),
            (datetime(2026, 11, 20, 15, 0, tzinfo=UTC), {"1": 19, "2": 20, "3": 19}),
        ):
            frame = store.coverage(now=moment).set_index("profile_id")
            for profile_id, day in last.items():
                own = frame.loc[profile_id]
                assert own["date"].max() == pd.Timestamp(2026, 11, day)
                first_missing = own.loc[own["state"] == "missing", "date"].min()
                assert first_missing == pd.Timestamp(2026, 11, day) - timedelta(59)

    def test_start_and_end_narrow_and_widen_the_days(self, store: ReportCache) -> None:
        put(store, 10)
        put(store, 5, tactic="T00030")
        assert len(store.coverage(now=NOW)) == 10 + 5
        within = store.coverage(start="2026-11-14", end=date(2026, 11, 16), now=NOW)
        assert within["date"].dt.day.tolist() == [14, 15, 16] * 2
        assert within["state"].astype("str").tolist() == ["missing"] * 4 + ["restatable", "missing"]
        wider = store.coverage(start=pd.Timestamp(2026, 9, 1), now=NOW)
        assert len(wider) == 2 * 80
        assert wider["state"].tolist().count("gone") == 2 * 20
        earlier = store.coverage(end="2026-11-12", now=NOW)
        assert earlier["date"].dt.day.tolist() == [10, 11, 12]
        today = store.coverage(start="2026-11-20", now=NOW)
        assert today["date"].dt.day.tolist() == [20, 20]
        assert today["is_due"].all()

    def test_days_that_have_not_begun_are_left_out(self, store: ReportCache) -> None:
        put(store, 3)
        profile = Profile("1", "US", "USD", "America/Los_Angeles", "seller", "x")
        internal_store(store).metadata.store_profile("NA", profile)
        evening = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
        frame = store.coverage(end="2026-11-20", now=evening)
        assert frame["date"].max() == pd.Timestamp(2026, 11, 19)
        with pytest.raises(InvalidRequest, match="2026-11-21 is in the future"):
            store.coverage(end="2026-11-21", now=evening)
        with pytest.raises(InvalidRequest, match="2026-11-22 is in the future"):
            store.coverage(start="2026-11-22", now=evening)


class TestSeries:
    def test_only_stored_series_are_listed(self, store: ReportCache) -> None:
        put(store, 2)
        put(store, 3, record_type="targets", tactic="T00030", segment="matchedTarget")
        put(store, 4, profile_id="2", source="EU")
        frame = store.coverage(now=NOW)
        series = frame[COLUMNS[:5]].fillna("-").drop_duplicates().to_numpy().tolist()
        assert series == [
            ["EU", "2", "campaigns", "-", "T00020"],
            ["NA", "1", "campaigns", "-", "T00020"],
            ["NA", "1", "targets", "matchedTarget", "T00030"],
        ]

    def test_filters_narrow_the_series(self, store: ReportCache) -> None:
        put(store, 2)
        put(store, 2, record_type="targets", tactic="T00030")
        put(store, 2, segment="matchedTarget")
        put(store, 2, profile_id="2")
        put(store, 2, profile_id="2", source="EU")
        for options, count in (
            ({"record_type": "campaigns"}, 4),
            ({"record_type": "targets", "profile_id": 1}, 1),
            ({"segment": "matchedTarget"}, 1),
            ({"profile_id": 2}, 2),
            ({"profile_id": "2", "source": "EU"}, 1),
            ({"source": "FE"}, 0),
        ):
            frame = store.coverage(now=NOW, **options)
            assert frame["rows"].count() == count, options
            assert (frame[list(options)].astype("str") == list(map(str, options.values()))).all(
                axis=None
            )

    def test_requested_days_that_are_not_stored_are_missing_or_gone(
        self, store: ReportCache
    ) -> None:
        put(store, 2)
        targets = store.coverage("targets", now=NOW)
        assert targets["tactic"].unique().tolist() == ["T00020", "T00030"]
        assert targets["state"].unique().tolist() == ["missing"]
        assert len(targets) == 2 * 60  # the days that the service keeps
        early = store.coverage("targets", "2026-09-11", tactic="T00030", now=NOW)
        assert early["state"].astype("str").tolist() == ["gone"] * 10 + ["missing"] * 60
        both = store.coverage(tactic=["T00030", "T00020"], start="2026-11-18", now=NOW)
        assert both["tactic"].tolist() == ["T00020"] * 2 + ["T00030"] * 2
        assert both["state"].isin(["missing"]).tolist() == [False, True, True, True]
        split = store.coverage("campaigns", segment="matchedTarget", start="2026-11-18", now=NOW)
        assert split["segment"].tolist() == ["matchedTarget"] * 4

    def test_an_empty_store_has_no_coverage(self, store: ReportCache) -> None:
        assert store.coverage("campaigns", "2026-11-01", now=NOW).empty
        ours = store.coverage("campaigns", "2026-11-18", source="NA", profile_id=1, now=NOW)
        assert ours["profile_id"].tolist() == ["1"] * 4
        assert ours["state"].astype("str").tolist() == ["missing"] * 4
        assert not store.path.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"record_type": "campaign"}, "did you mean 'campaigns'"),
        ({"tactic": "T20"}, "tactic must be one of T00020, T00030, got 'T20'"),
        ({"record_type": "asins", "segment": "matchedTarget"}, "cannot be segmented"),
        ({"start": "2026-11-05", "end": "2026-11-04"}, "before start"),
        ({"start": "yesterday"}, "must be a day"),
        ({"end": pd.Timestamp("2026-11-05", tz="UTC")}, "must have no time zone"),
        ({"history_days": 2.5}, "history_days must be a whole number of days, .*got 2.5"),
        ({"history_days": -1}, "history_days must be .*got -1"),
        ({"now": datetime(2026, 11, 20)}, "now must be a datetime with a time zone"),
        ({"now": "2026-11-20"}, "now must be a datetime with a time zone"),
    ],
)
def test_impossible_arguments_are_rejected(
    store: ReportCache, arguments: dict[str, Any], message: str
) -> None:
    put(store, 2)
    with pytest.raises(InvalidRequest, match=message):
        store.coverage(**{"now": NOW, **arguments})


def make_coverage(lines: int, days: int, profiles: int = 1) -> pd.DataFrame:
    """Return a coverage in which the state of a cell is line plus day, modulo 5."""
    kinds = [
        (kind, segment, tactic)
        for kind in ("campaigns", "adGroups", "productAds", "targets", "asins")
        for segment in (None, "matchedTarget", "other")
        for tactic in ("T00020", "T00030", "T00040", "T00050")
    ]
    lines_per_profile = -(-lines // profiles)
    named = [
        (str(3521466331 + n // lines_per_profile), *kinds[n % lines_per_profile])
        for n in range(lines)
    ]
    names = pd.DataFrame(named, columns=COLUMNS[1:5]).assign(source="NA", n=range(lines))
    dates = pd.DataFrame({"date": pd.date_range("2026-01-01", periods=days, unit="s")})
    frame = names.merge(dates.assign(day=range(days)), how="cross")
    frame["state"] = [STATES[code] for code in (frame["n"] + frame["day"]) % 5]
    frame["is_due"] = frame["state"] == "missing"
    return frame.astype({"state": pd.CategoricalDtype(STATES, ordered=True)})


def labels(axes: Any) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def explained(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def dashes(axes: Any) -> list[tuple[float, float, float]]:
    """Return the lines through due days: line, first day and last day, from the first of all."""
    (runs,) = [
        collection for collection in axes.collections if isinstance(collection, LineCollection)
    ]
    left = axes.images[0].get_extent()[0]
    ends = [np.asarray(segment) for segment in runs.get_segments()]
    return [(e[0, 1], e[0, 0] - left, e[1, 0] - left) for e in ends]


class TestPicture:
    @pytest.mark.parametrize(("lines", "days"), [(1, 1), (1, 7), (2, 60), (60, 7), (60, 400)])
    def test_each_cell_has_the_colour_of_its_state(self, lines: int, days: int) -> None:
        axes = plots.coverage(make_coverage(lines, days))
        drawn = np.asarray(axes.images[0].get_array())
        expected = np.add.outer(np.arange(lines), np.arange(days)) % 5
        assert (drawn == expected).all()
        assert len(labels(axes)) == lines
        assert axes.figure.get_size_inches()[0] == 6.4
        text = " ".join(explained(axes))
        assert [state in text for state in STATES] == [n in expected for n in range(5)]
        axes.figure.canvas.draw()
        self._is_legible(axes)

    def _is_legible(self, axes: Any) -> None:
        """Check that nothing is cut off, and that no names overlap."""
        frame = axes.figure.bbox
        boxes = [text.get_window_extent() for text in axes.get_yticklabels()]
        for box in [*boxes, axes.get_legend().get_window_extent()]:
            assert frame.x0 <= box.x0
            assert box.x1 <= frame.x1
            assert frame.y0 <= box.y0
        assert not any(above.overlaps(below) for above, below in combinations(boxes, 2))
        assert axes.bbox.width > 0.4 * frame.width
        dates = [t.get_window_extent() for t in axes.get_xticklabels() if t.get_text()]
        assert not any(a.overlaps(b) for a, b in combinations(dates, 2))

    def test_days_narrower_than_a_pixel_keep_their_colours(self) -> None:
        frame = make_coverage(1, 1500).assign(is_due=False)
        axes = plots.coverage(frame.query("state in ['final', 'gone']"))
        axes.figure.canvas.draw()
        pixels = np.asarray(axes.figure.canvas.buffer_rgba())
        box = axes.get_window_extent()
        middle = pixels[int(len(pixels) - (box.y0 + box.y1) / 2), int(box.x0) + 2 : int(box.x1) - 2]
        known = {patch.get_facecolor() for patch in axes.get_legend().get_patches()}
        colours = {tuple(round(255 * part) for part in colour) for colour in known}
        assert set(map(tuple, middle.tolist())) <= colours | {(255, 255, 255, 255)}

    def test_days_without_a_row_are_blank(self) -> None:
        frame = make_coverage(2, 5).query("not (n == 1 and day == 2)")
        drawn = plots.coverage(frame).images[0].get_array()
        assert np.argwhere(np.ma.getmaskarray(drawn)).tolist() == [[1, 2]]

    def test_labels_leave_out_common_parts(self) -> None:
        names = ["campaigns T00020", "campaigns T00030", "campaigns T00040", "campaigns T00050"]
        assert labels(plots.coverage(make_coverage(5, 3))) == [
            *names,
            "campaigns+matchedTarget T00020",
        ]
        two = plots.coverage(make_coverage(4, 3, profiles=2))
        assert labels(two)[::2] == [f"3521466331 {names[0]}", f"3521466332 {names[0]}"]
        assert labels(two)[1::2] == [names[1], names[1]]
        sources = pd.concat([make_coverage(2, 3), make_coverage(2, 3).assign(source="EU")])
        assert labels(plots.coverage(sources))[::2] == [f"NA {names[0]}", f"EU {names[0]}"]

    def test_the_legend_has_the_occurring_states_in_order(self) -> None:
        shown_labels = explained(plots.coverage(make_coverage(1, 5)))
        assert [label.partition(":")[0] for label in shown_labels] == [*STATES, "due"]
        shown_labels = explained(
            plots.coverage(make_coverage(1, 5).query("state in ['gone', 'final']"))
        )
        assert [label.partition(":")[0] for label in shown_labels] == ["final", "gone"]

    def test_due_days_are_struck_through(self) -> None:
        frame = make_coverage(2, 10).assign(is_due=lambda frame: frame["day"].isin([0, 1, 2, 7]))
        assert [(line, round(a), round(b)) for line, a, b in dashes(plots.coverage(frame))] == [
            (0, 0, 3), (0, 7, 8), (1, 0, 3), (1, 7, 8),
        ]  # fmt: skip
        assert "due" in explained(plots.coverage(frame))[-1]
        wide = make_coverage(1, 400).assign(is_due=True)
        assert dashes(plots.coverage(wide)) == [(0, 0, 400)]

    def test_colours_are_distinguishable_with_any_vision(self) -> None:
        legend = plots.coverage(make_coverage(1, 5)).get_legend()
        colours = [to_rgb(patch.get_facecolor()) for patch in legend.get_patches()]
        assert len(colours) == 5
        for matrix in VISION.values():
            seen = [_lab(matrix @ _linear(colour)) for colour in (*colours, (1.0, 1.0, 1.0))]
            nearest = min(np.linalg.norm(a - b) for a, b in combinations(seen[:5], 2))
            assert nearest > 20
            assert min(np.linalg.norm(seen[5] - color) for color in seen[:5]) > 10

    def test_a_store_can_be_drawn(self, store: ReportCache) -> None:
        for ago in (9, 8, 7):
            put(store, ago)
            put(store, ago, tactic="T00030")
        axes = plots.coverage(store)
        assert labels(axes) == ["campaigns T00020", "campaigns T00030"]
        assert "restatable" in explained(axes)[0]

    def test_an_empty_coverage_is_labelled_no_rows(self, store: ReportCache) -> None:
        for empty in (store, store.coverage(), make_coverage(1, 3).head(0)):
            assert [text.get_text() for text in plots.coverage(empty).texts] == ["no rows"]

    @pytest.mark.parametrize("layout", [None, "constrained"])
    def test_draws_in_given_axes_and_never_over_the_cells(self, layout: Any) -> None:
        figure, given = plt.subplots(figsize=(8, 4), layout=layout)
        assert plots.coverage(make_coverage(4, 30), ax=given) is given
        figure.canvas.draw()
        key = given.get_legend().get_window_extent()
        cells = given.get_window_extent()
        assert key.y1 <= cells.y0 or cells.y1 <= key.y0
        assert figure.bbox.y0 <= key.y0
        assert key.y1 <= figure.bbox.y1
        assert all(text.get_fontsize() >= 6 for text in given.findobj(Text))

    def test_styles_are_passed_on(self) -> None:
        axes = plots.coverage(make_coverage(2, 4), cmap="viridis", alpha=0.37)
        assert axes.images[0].get_alpha() == 0.37
        patch = axes.get_legend().get_patches()[4]
        assert patch.get_facecolor()[:3] == pytest.approx(plt.get_cmap("viridis")(0.9)[:3])
        plots.coverage(make_coverage(2, 4), norm=Normalize(0, 4))
        with pytest.raises(AttributeError):
            plots.coverage(make_coverage(1, 1), nosuchstyle=1)
        assert len(plt.get_fignums()) == 2

    @pytest.mark.parametrize(
        ("invalid", "message"),
        [
            (3, "DataFrame, got int"),
            (Path("store"), "DataFrame, got"),
            (
                make_coverage(1, 3).drop(columns=["state", "is_due"]),
                "has no column state, is_due; pass",
            ),
            (pd.concat([make_coverage(1, 3), make_coverage(1, 3)]), "of one cache"),
            (make_coverage(1, 3).assign(state="lost"), "one state of final, restatable, empty"),
            (make_coverage(1, 3).assign(is_due=None), "pass the frame that ReportCache.coverage"),
            (make_coverage(1, 3).assign(date="2026-01-01"), "must hold days"),
        ],
    )
    def test_frames_that_are_not_a_coverage_are_rejected(self, invalid: Any, message: str) -> None:
        with pytest.raises(InvalidRequest, match=message):
            plots.coverage(invalid)
        with pytest.raises(InvalidRequest, match="ax must be a matplotlib Axes"):
            plots.coverage(make_coverage(1, 3), ax="left")
        assert plt.get_fignums() == []


# How the cones of common kinds of colour blindness see linear RGB (Machado and others, 2009).
VISION = {
    "common": np.eye(3),
    "protanopia": np.array(
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
    ),
    "deuteranopia": np.array(
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    ),
    "tritanopia": np.array(
        [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]
    ),
}


def _linear(colour: tuple[float, float, float]) -> Any:
    values = np.array(colour)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _lab(linear: Any) -> Any:
    """Return colours in CIE Lab, whose distances are perceptual."""
    rows = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(rows) @ np.clip(linear, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.cbrt(np.clip(xyz, 0.00886, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])

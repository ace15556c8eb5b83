"""The report as one HTML file: its numbers in words, and what may be missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import sdanalytics as sda
from sdanalytics import ReportCache, cli
from sdanalytics.sandbox import Report
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS, AdGroup
from tests.support.box import Box
from tests.support.clock import JumpingClock
from tests.support.samples import US

JAPAN = 3961527384950284
WEEK = ("2026-10-12", "2026-10-18")
"""All conversions of it have arrived."""
# The rows by hand have few metrics.
pytestmark = pytest.mark.filterwarnings("ignore:no row of a report has a value")

HOSTILE_NAMES = (
    "<script>alert(1)</script></style><img src=x onerror=alert(1)>",
    "**bold** [link](javascript:alert(1)) {{ 7 * 7 }} {% raw %} \"'&lt;",
)


class Page(HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.replace("\N{NO-BREAK SPACE}", " ").strip())

    @property
    def text(self) -> str:
        return "\n".join(filter(None, self.texts))

    def sentences(self) -> list[str]:
        begin = next(
            number for number, text in enumerate(self.texts) if text.startswith("profile ")
        )
        return list(filter(None, self.texts[begin + 1 :]))[:5]

    def attributes(self, tag: str, name: str) -> Iterator[str | None]:
        for element, attributes in self.elements:
            if element == tag:
                yield attributes.get(name)


def cpc_campaigns(profile_id: int) -> list[int]:
    advertiser = ADVERTISERS[profile_id]
    plans = advertiser.started_by(date(2026, 9, 1))
    groups = [AdGroup(advertiser, plan, 0) for plan in plans if plan.cost_type == "CPC"]
    return [group.campaign_id for group in groups][:2]


def two_campaigns(report: Report) -> list[dict[str, Any]]:
    """Return the rows of two campaigns, of which the second costs twice as much in the week."""
    if report.record_type == "asins":
        return []
    first = date.fromisoformat(report.request["startDate"])
    last = date.fromisoformat(report.request["endDate"])
    columns = report.request["configuration"]["columns"]
    rows = []
    for number in range((last - first).days + 1):
        day = first + timedelta(number)
        is_dear = WEEK[0] <= str(day) <= WEEK[1]
        for rank, campaign_id in enumerate(cpc_campaigns(report.profile_id)):
            cost = (100.0, 100.0 if is_dear else 50.0)[rank]
            sales = (400.0, 100.0)[rank]
            orders = (10, 5)[rank]
            clicks = (200, 100)[rank]
            row = {
                "date": str(day), "campaignId": campaign_id, "adGroupId": campaign_id,
                "targetingId": campaign_id, "campaignName": HOSTILE_NAMES[rank],
                "targetingText": HOSTILE_NAMES[rank], "impressions": 20_000, "clicks": clicks,
                "cost": cost, "purchasesClicks": orders, "salesClicks": sales,
            }  # fmt: skip
            rows.append({name: value for name, value in row.items() if name in columns})
    return rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "week.html"


def test_the_sentences_are_made_from_the_numbers(box: Box, store: ReportCache, path: Path) -> None:
    box.sandbox.set_content(two_campaigns)
    client = box.client_for(0, "v3")
    assert sda.report(path, *WEEK, client=client, cache=store, target_acos=0.3) == path
    page = Page(path)
    what, acos, reason, action, certainty = page.sentences()
    assert "3,500 USD, about as much as in the 7 days before" in what
    assert "cost was 1,400 USD, 33.3 % more than in the 7 days before" in what
    assert "40.0 %" in acos
    assert "after 30.0 %: +10.0 points" in acos
    assert reason == (
        f"Of the change of ACOS (+10.0 points), “{HOSTILE_NAMES[1][:79]}” (+10.0 points) "
        "contributed the most; by factor, CPC of CPC campaigns (+10.0 points)."
    )
    # The other costs 25 % of its sales; this one 50 to 100 %.
    assert action.startswith("Of 2 targets, judged by the target ACOS of 30.0 % and the days")
    assert "1 should be cut" in action
    assert "1 can be scaled" in action
    assert "the change of sales (+0.0 %) is within chance (90 %: −" in certainty

    # Nothing of a name is more than text.
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "iframe", "object"})
    assert all(
        str(url).startswith("data:image/svg+xml;base64,") for url in page.attributes("img", "src")
    )
    assert not {name for _, attributes in page.elements for name in attributes if name[:2] == "on"}
    assert not list(page.attributes("a", "href"))
    for name in HOSTILE_NAMES:
        assert name in page.texts

    # All of it is in the store.
    sent = len(box.sandbox.requests)
    sda.report(path, *WEEK, client=client, cache=store)
    assert len(box.sandbox.requests) == sent
    assert "judged by the account's own ACOS of 40.0 %" not in path.read_text("utf-8")


def test_final_numbers_from_one_snapshot_are_said(box: Box, store: ReportCache, path: Path) -> None:
    box.sandbox.set_content(two_campaigns)
    client = box.client_for(0, "v3")
    sda.fetch_report("campaigns", box.day(60), box.day(1), client=client, cache=store)
    sda.report(path, box.day(7), box.day(1), client=client, cache=store)
    what = Page(path).sentences()[0]
    note = "on final numbers (from one snapshot: a change of conversion counts as delay); cost was"
    assert note in what


def test_each_profile_has_a_part_and_what_fails_is_said(
    clock: JumpingClock, store: ReportCache, path: Path
) -> None:
    box = Box(clock, unregistered=[JAPAN])
    box.sandbox.set_content(two_campaigns)
    with box.sandbox:
        client = box.client_for(0, "v3")
        sda.report(path, *WEEK, client=client, cache=store, profiles="all")
    page = Page(path)
    titles = [text for text in page.texts if text in ("Northwind Outdoor", "Alpenglück GmbH")]
    assert titles == ["Northwind Outdoor", "Alpenglück GmbH"] * 2
    assert "2 profiles with activity" in page.text
    assert "1 profile without, or not fetched" in page.text
    assert "Nothing can be said of" in page.text
    assert "cost was 1,400 USD" in page.text
    assert "cost was 1,400 EUR" in page.text
    assert "Missing: the sales of other products. Amazon reports them to sellers only" in page.texts
    missing = [text for text in page.texts if text.startswith("Missing: campaigns. ")]
    assert len(missing) == 1
    figures = list(page.attributes("img", "alt"))
    assert figures.count("Cost of the month") == 2


@pytest.mark.parametrize("case", ["one day", "today", "no rows", "no targets", "no orders"])
def test_what_is_missing_is_left_out_and_said(
    box: Box, store: ReportCache, path: Path, case: str
) -> None:
    def content(report: Report) -> list[dict[str, Any]] | None:
        if case == "no targets" and report.record_type == "targets":
            report.status = "FAILED"
        if case == "no rows":
            return []
        rows = two_campaigns(report)
        if case == "no orders":
            return [row | {"purchasesClicks": 0, "salesClicks": 0.0} for row in rows]
        return rows

    box.sandbox.set_content(content)
    days = {"one day": (WEEK[0], WEEK[0]), "today": (box.day(6), box.day(0))}.get(case, WEEK)
    advertiser = 2 if case == "one day" else 0
    sda.report(path, *days, client=box.client_for(advertiser, "v3"), cache=store)
    text = Page(path).text
    if case == "one day":
        assert "40.0 %" in text
        assert "200 JPY, 33.3 % more than in the 1 day before" in text
    elif case == "today":
        assert "20 Nov 2026 had not ended when it was fetched" in text
    elif case == "no rows":
        assert "No campaign had any activity (12 Oct to 18 Oct 2026)." in text
    elif case == "no targets":
        assert "Of 2 campaigns, judged by the account's own ACOS of " in text
        assert "Missing: targets. " in text
    else:
        assert "ACOS has no value, because there were no sales" in text
        assert "Of the change of cost (+350.00 USD)" in text
        assert "there were no sales to judge by" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "week.txt"}, "must end in .html"),
        ({"path": f"{'x' * 300}.html"}, "name too long"),
        ({"path": "a\0b.html"}, "null"),
        ({"path": "missing/week.html"}, "there is no folder"),
        ({"start": "2026-10-20"}, "must end on or after"),
        ({"end": "2027-01-01"}, "must be a day that has begun"),
        ({"profiles": []}, "profiles"),
        ({"target_acos": 30}, "0.3 for 30 %"),
        ({"cache": 5}, "cache must be"),
        ({"client": "me"}, "client must be"),
    ],
)
def test_bad_input_is_said_before_any_request(
    box: Box, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    arguments: dict[str, Any] = {
        "path": "week.html", "start": WEEK[0], "end": WEEK[1], "client": box.client,
    } | change  # fmt: skip
    path = tmp_path / arguments.pop("path")
    with pytest.raises(sda.InvalidRequest, match=message):
        sda.report(path, arguments.pop("start"), arguments.pop("end"), **arguments)
    assert not box.sandbox.requests
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_said_before_any_request(
    box: Box, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(sda.MissingDependency, match="pip install jinja2"):
        sda.report(path, *WEEK, client=box.client)
    assert not box.sandbox.requests


def test_a_report_that_fails_leaves_the_file_as_it_was(
    clock: JumpingClock, store: ReportCache, path: Path
) -> None:
    path.write_text("last week's")
    box = Box(clock, unregistered=[US])
    with box.sandbox:
        client = box.client_for(0, "v3")
        for profiles in (None, [US]):
            with pytest.raises(sda.Forbidden):
                sda.report(path, *WEEK, client=client, cache=store, profiles=profiles)
    assert path.read_text() == "last week's"
    assert [file.name for file in path.parent.glob("*.*")] == [path.name]


@pytest.mark.parametrize("days", [31, 400])
def test_days_that_the_service_no_longer_has_are_noted_and_not_requested(
    box: Box,
    store: ReportCache,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    days: int,
) -> None:
    box.sandbox.set_content(two_campaigns)
    client = box.client_for(0, "v3")
    if days == 31:  # the comparison needs 62
        history_days = "sdanalytics.fetch.protocols.v3.ProtocolV3.history_days"
        monkeypatch.setattr(history_days, lambda record_type: 60)
    monkeypatch.setattr("sdanalytics.cli.report_command.open_client", lambda name: client)
    command = ["report", str(path), "--cache", str(store.path), "--json", "--days", str(days)]
    assert cli.main(command) == 0
    assert json.loads(capsys.readouterr().out)["missing"] == []
    assert box.sandbox.count("create_report") <= 3 * 3
    text = Page(path).text
    assert "the service no longer has them, and they are not stored" in text
    stored = set(store.coverage("campaigns", now=box.clock.now())["date"].dt.date)
    assert len(stored) >= 58


def test_the_command_says_what_is_missing(
    clock: JumpingClock,
    store: ReportCache,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    box = Box(clock, unregistered=[JAPAN])
    box.sandbox.set_content(two_campaigns)
    client = box.client_for(0, "v3")
    monkeypatch.setattr("sdanalytics.cli.report_command.open_client", lambda name: client)
    common = ["report", str(path), "--cache", str(store.path), "--json"]
    with box.sandbox:
        assert cli.main([*common, "--profiles", str(US), str(JAPAN), "--days", "3"]) == 1
        printed = json.loads(capsys.readouterr().out)
        assert [text.partition(":")[0] for text in printed["missing"]] == [
            f"青葉商店, {record_type}" for record_type in ("campaigns", "targets", "asins")
        ]
        assert [printed["start"], printed["end"]] == ["2026-11-17", "2026-11-19"]
        assert cli.main([*common, "--start", WEEK[0], "--end", WEEK[1]]) == 0
        assert json.loads(capsys.readouterr().out)["missing"] == []
        assert cli.main([*common, "--start", WEEK[0]]) == 2
        assert "must come together" in capsys.readouterr().err

"""A damaged payload is downloaded again, then requested again, and never stored."""

from __future__ import annotations

import gzip

import pandas as pd
import pytest

from sdanalytics import CorruptReport, ReportCache, SDAnalyticsError, fetch_report, sandbox
from tests.support.box import Box

WHOLE = gzip.compress(b'[{"campaignId":1,"clicks":2},{"campaignId":2,"clicks":3}]')


def test_a_report_with_an_invalid_value_is_not_requested_again(
    box: Box, store: ReportCache
) -> None:
    box.sandbox.set_content(lambda report: [{"campaignId": 1, "clicks": 5.7}])
    with pytest.raises(CorruptReport, match="'clicks' of row 0") as caught:
        fetch_report("campaigns", box.day(1), tactic="T00020", client=box.client, cache=store)
    assert caught.value.report_id in box.sandbox.reports
    assert box.sandbox.count("storage") == 1
    assert store.entries().empty


@pytest.mark.parametrize(
    "damaged",
    [b"", WHOLE[:-5], b"no gzip", gzip.compress(b"{}")],
    ids=["empty", "short", "plain", "object"],
)
def test_a_damaged_payload_is_downloaded_then_requested_again(
    box: Box, store: ReportCache, damaged: bytes
) -> None:
    def fetch() -> pd.DataFrame:
        return fetch_report(
            "campaigns", box.day(1), tactic="T00020", client=box.client, cache=store
        )

    answer = sandbox.ScriptedResponse(200, damaged)
    box.sandbox.script_responses("storage", answer)
    frame = fetch()
    assert len(frame) > 0
    assert (box.sandbox.count("request_report"), box.sandbox.count("download_report")) == (1, 2)

    store.remove("campaigns", box.day(1))
    box.sandbox.script_responses("storage", answer, answer)
    pd.testing.assert_frame_equal(fetch(), frame)
    assert (box.sandbox.count("request_report"), box.sandbox.count("download_report")) == (3, 5)

    store.remove("campaigns", box.day(1))
    box.sandbox.set_content(lambda report: damaged)
    with pytest.raises(CorruptReport) as caught:
        fetch()
    assert caught.value.row is None
    assert isinstance(caught.value, SDAnalyticsError)
    assert (box.sandbox.count("request_report"), box.sandbox.count("download_report")) == (5, 9)
    assert store.entries().empty

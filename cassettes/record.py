"""Record the traffic of all versions: ``python cassettes/record.py [--account]``.

README.md beside this file says what is recorded, and what is removed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import vcr
from requests import Response
from requests.adapters import HTTPAdapter

HERE: Final = Path(__file__).parent
if not __package__:  # run as a script: the packages are beside this folder
    sys.path.insert(0, str(HERE.parent))

from cassettes.scrubbing import Scrubber  # noqa: E402
from sdanalytics import (  # noqa: E402
    Api,
    BadRequest,
    Client,
    InvalidReport,
    ReportFailed,
    ReportRequest,
    ReportTooOld,
    fetch_report,
)
from sdanalytics.model.literals import RecordType, Tactic  # noqa: E402
from sdanalytics.sandbox import Report, ScriptedResponse  # noqa: E402
from tests.support.box import Box  # noqa: E402
from tests.support.clock import JumpingClock  # noqa: E402

if TYPE_CHECKING:
    import pandas as pd

METRICS: Final = ("currency", "impressions", "clicks", "cost", "vctr")
METRICS_WITH_NAME: Final = ("campaignName", *METRICS)


@dataclass(frozen=True)
class Call:
    """A call through one version of the API; for all tactics unless it names one."""

    api: Api
    start: date
    end: date
    metrics: Sequence[str] = METRICS_WITH_NAME
    tactic: Tactic | None = None
    record_type: RecordType = "campaigns"

    def fetch(self, client: Client) -> pd.DataFrame:
        """Make the call without a cache."""
        return fetch_report(
            self.record_type, self.start, self.end, metrics=self.metrics, tactic=self.tactic,
            client=client, cache=False,
        )  # fmt: skip


def v2_call(day: date, metrics: Sequence[str] = METRICS_WITH_NAME) -> Call:
    """Return a call for a version 2 report: one day of one tactic."""
    return Call("v2", day, day, metrics, tactic="T00020")


def v3_call(day: date, metrics: Sequence[str] = METRICS_WITH_NAME) -> Call:
    """Return a call for a version 3 report: all tactics of three days, the last one given."""
    return Call("v3", day - timedelta(2), day, metrics)


def v1_call(day: date, metrics: Sequence[str] = METRICS_WITH_NAME) -> Call:
    """Return a call for a version 1 report: of the same days as version 3's."""
    return replace(v3_call(day, metrics), api="v1")


_DAY: Final = date(2026, 11, 19)
_V2: Final = v2_call(_DAY)
_V3: Final = v3_call(_DAY)
_V1: Final = v1_call(_DAY)
_SELLERS_ONLY: Final = Call("v3", _DAY, _DAY, ("sku", "cost"), record_type="productAds")


@dataclass(frozen=True)
class Scenario:
    """The scenario of a cassette: how the sandbox is prepared, the call, and how it ends."""

    call: Call
    prepare: Callable[[Box], object] = lambda box: None
    settings: Mapping[str, Any] = field(default_factory=dict)
    advertiser: int = 0
    ends_with: tuple[type[Exception], ...] = ()


def _empty(box: Box) -> None:
    box.sandbox.set_content(lambda report: [])


def _invalid(box: Box) -> None:
    # The library rejects metrics that it knows to be wrong; it cannot know this one.
    refusal = {"code": "UNPROCESSABLE_ENTITY", "details": "Invalid metrics: vctr"}
    headers = {"Content-Type": "application/json"}
    box.sandbox.script_responses(
        "request_report", ScriptedResponse(422, json.dumps(refusal), headers)
    )


def _busy(box: Box) -> None:
    # With another clock, so that the recorded client has no token yet.
    client = box.sandbox.client_for(box.sandbox.profile_ids[0], JumpingClock())
    client.request_report("campaigns", ReportRequest("20261118", "clicks", "T00020"))


def _expired(box: Box) -> None:
    body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    box.sandbox.script_responses(
        "storage", ScriptedResponse(403, body, {"Content-Type": "application/xml"})
    )


def _lost(box: Box) -> None:
    # Sent again, the same request meets the report that the first one had built.
    box.sandbox.script_responses("create_report", ScriptedResponse(0, stage="done"))


def _throttled(box: Box) -> None:
    refusal = {"code": "TOO_MANY_REQUESTS", "message": "Too Many Requests"}
    headers = {"Content-Type": "application/json"}
    box.sandbox.script_responses(
        "create_v1_report", ScriptedResponse(429, json.dumps(refusal), headers)
    )


def _failing(box: Box) -> None:
    def fail(report: Report) -> None:
        report.status, report.failure_code, report.details = "FAILED", "002", "Internal error"

    box.sandbox.set_content(fail)


# Reports take so long that a poll or more sees each status on the way.
_SANDBOXES: Final[Mapping[str, Mapping[str, Any]]] = {
    "v2": {"delay": 1.9},
    "v3": {"delay": 3.8, "page_size": 20},
    "v1": {"delay": 3.8, "page_size": 20, "v1_part_rows": 20},
}
_REFUSED: Final = {"refused_metrics": ["cost"]}
_ONE_AT_A_TIME: Final = {"queue_limit": 1, "retry_after": 7}

SCENARIOS: Final = {
    "v2_success": Scenario(_V2),
    "v2_empty": Scenario(_V2, _empty),
    "v2_too_old": Scenario(v2_call(date(2026, 9, 10)), ends_with=(ReportTooOld,)),
    "v2_invalid": Scenario(_V2, _invalid, ends_with=(InvalidReport,)),
    "v2_rate_limited": Scenario(_V2, _busy, _ONE_AT_A_TIME),
    "v2_expired_link": Scenario(_V2, _expired),
    "v3_success": Scenario(_V3),
    "v3_empty": Scenario(_V3, _empty, {"v3_empty_url": True}),
    "v3_duplicate": Scenario(_V3, _lost),
    # For a vendor: the library cannot know the type of the account.
    "v3_invalid": Scenario(_SELLERS_ONLY, advertiser=1, ends_with=(BadRequest,)),
    "v3_rate_limited": Scenario(_V3, _busy, _ONE_AT_A_TIME),
    "v3_failed": Scenario(_V3, _failing, ends_with=(ReportFailed,)),
    "v3_expired_link": Scenario(_V3, _expired),
    "v1_success": Scenario(_V1),
    "v1_empty": Scenario(_V1, _empty, {"v1_no_parts": True}),
    "v1_not_global": Scenario(_V1, advertiser=2),
    "v1_invalid": Scenario(_V1, settings=_REFUSED, ends_with=(InvalidReport,)),
    "v1_multi_status": Scenario(
        _V1, settings=_REFUSED | {"v1_multi_status": True}, ends_with=(InvalidReport,)
    ),
    "v1_rate_limited": Scenario(_V1, _throttled),
    "v1_failed": Scenario(_V1, _failing, ends_with=(ReportFailed,)),
    "v1_expired_link": Scenario(_V1, _expired),
}


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Send requests one at a time: vcrpy loses some that threads send side by side."""
    lock = threading.Lock()
    send = HTTPAdapter.send

    def send_alone(self: HTTPAdapter, *args: Any, **kwargs: Any) -> Response:
        with lock:
            return send(self, *args, **kwargs)

    with mock.patch.object(HTTPAdapter, "send", send_alone):
        yield


@contextlib.contextmanager
def recording(path: Path, profile_id: str) -> Iterator[None]:
    """Record all requests made in this context; after an error the old cassette stays."""
    scrubber = Scrubber(profile_id)
    recorder = vcr.VCR(
        before_record_request=scrubber.request,
        before_record_response=scrubber.response,
        record_on_exception=False,
    )
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with one_at_a_time(), recorder.use_cassette(str(fresh)):
        yield
    fresh.replace(path)


def record_scenario(path: Path, scenario: Scenario) -> None:
    """Record a scenario in a sandbox."""
    random.seed(0)  # the jitter of waits, and with it every recorded time
    box = Box(JumpingClock(), **_SANDBOXES[scenario.call.api], **scenario.settings)
    with box.sandbox:
        scenario.prepare(box)
        profile_id = box.sandbox.profile_ids[scenario.advertiser]
        client = box.sandbox.client_for(profile_id, box.clock, scenario.call.api)
        with recording(path, str(client.profile_id)), contextlib.suppress(*scenario.ends_with):
            scenario.call.fetch(client)


def record_account(folder: Path) -> None:
    """Record the latest report, without names, of the account in the environment variables."""
    ready_made = "SDANALYTICS_ACCESS_TOKEN"  # with it there would be no login to record
    client = Client.from_env({k: v for k, v in os.environ.items() if k != ready_made})
    yesterday = (client.clock.now() - timedelta(1)).date()
    call = {"v1": v1_call, "v2": v2_call, "v3": v3_call}[client.api](yesterday, METRICS)
    with recording(folder / f"{client.api}_success.yaml", str(client.profile_id)):
        call.fetch(client)


def main(arguments: Sequence[str] | None = None, folder: Path = HERE) -> None:
    """Record the cassettes into `folder`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--account",
        action="store_true",
        help="record the ..._success.yaml of its version, from the account of the SDANALYTICS_... "
        "variables",
    )
    if parser.parse_args(arguments).account:
        record_account(folder)
        return
    for name, scenario in SCENARIOS.items():
        record_scenario(folder / f"{name}.yaml", scenario)


if __name__ == "__main__":
    main()

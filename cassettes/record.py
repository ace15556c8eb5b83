"""Record the traffic of the version 2 flow: ``python cassettes/record.py [--account]``.

README.md beside this file tells what is recorded, and what is taken out of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from unittest import mock

import vcr
from requests import Response
from requests.adapters import HTTPAdapter

HERE: Final = Path(__file__).parent
if not __package__:  # run as a script: the packages are beside this folder
    sys.path.insert(0, str(HERE.parent))

from cassettes.scrubbing import Scrubber  # noqa: E402
from sdanalytics import Client, InvalidReport, ReportRequest, ReportTooOld, fetch_report  # noqa: E402
from sdanalytics.sandbox import Answer  # noqa: E402
from tests.conftest import Box, JumpingClock  # noqa: E402

METRICS: Final = ("currency", "impressions", "clicks", "cost", "vctr")


@dataclass(frozen=True)
class Story:
    """What a cassette tells: what is made ready in the sandbox, which day, how it ends."""

    prepare: Callable[[Box], object] = lambda box: None
    day: str = "2026-11-19"
    ends_with: tuple[type[Exception], ...] = ()


def _empty(box: Box) -> None:
    box.sandbox.fill_with(lambda report: [])


def _invalid(box: Box) -> None:
    # The library refuses what it knows to be wrong: this is what it cannot know.
    refusal = {"code": "UNPROCESSABLE_ENTITY", "details": "Invalid metrics: vctr"}
    headers = {"Content-Type": "application/json"}
    box.sandbox.arrange("request_report", Answer(422, json.dumps(refusal), headers))


def _busy(box: Box) -> None:
    box.client.request_report("campaigns", ReportRequest("20261118", "clicks", "T00020"))


def _expired(box: Box) -> None:
    body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    box.sandbox.arrange("storage", Answer(403, body, {"Content-Type": "application/xml"}))


STORIES: Final = {
    "v2_success": Story(),
    "v2_empty": Story(_empty),
    "v2_too_old": Story(day="2026-09-10", ends_with=(ReportTooOld,)),
    "v2_invalid": Story(_invalid, ends_with=(InvalidReport,)),
    "v2_rate_limited": Story(_busy),
    "v2_expired_link": Story(_expired),
}


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let requests pass singly: vcrpy loses some of those that threads send side by side."""
    lock = threading.Lock()
    send = HTTPAdapter.send

    def send_alone(self: HTTPAdapter, *args: Any, **kwargs: Any) -> Response:
        with lock:
            return send(self, *args, **kwargs)

    with mock.patch.object(HTTPAdapter, "send", send_alone):
        yield


@contextlib.contextmanager
def recording(path: Path, profile_id: str) -> Iterator[None]:
    """Record what is sent meanwhile; after an error the old cassette stays."""
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


def record_story(path: Path, story: Story) -> None:
    """Record a story in a sandbox that builds one report at a time."""
    random.seed(0)  # the waits' jitter, and with it every moment that is told
    box = Box(JumpingClock(), delay=1.9, queue_limit=1, retry_after=7)
    with box.sandbox:
        story.prepare(box)
        client = box.client
        with recording(path, client.profile_id), contextlib.suppress(*story.ends_with):
            _fetch(client, story.day, ["campaignName", *METRICS])


def record_account(path: Path) -> None:
    """Record yesterday's report, without names, of the account that the environment tells of."""
    ready_made = "SDANALYTICS_ACCESS_TOKEN"  # with it there would be no login to record
    client = Client.from_env({k: v for k, v in os.environ.items() if k != ready_made})
    yesterday = (client.clock.now() - timedelta(1)).date()
    with recording(path, client.profile_id):
        _fetch(client, str(yesterday), METRICS)


def _fetch(client: Client, day: str, metrics: Sequence[str]) -> None:
    fetch_report("campaigns", day, metrics=metrics, tactic="T00020", client=client, cache=False)


def main(arguments: Sequence[str] | None = None, folder: Path = HERE) -> None:
    """Record the cassettes into `folder`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--account",
        action="store_true",
        help="record v2_success.yaml alone, from the account of the SDANALYTICS_... variables",
    )
    if parser.parse_args(arguments).account:
        record_account(folder / "v2_success.yaml")
        return
    for name, story in STORIES.items():
        record_story(folder / f"{name}.yaml", story)


if __name__ == "__main__":
    main()

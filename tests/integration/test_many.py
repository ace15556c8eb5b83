"""Many profiles at once: one login, one store, and a rate limit and errors for each."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pandas as pd
import pytest

import sdanalytics as sda
from sdanalytics import Client, Credentials, ReportCache, fetch_report
from tests.support.box import Box
from tests.support.clock import JumpingClock

JAPAN = 3961527384950284


def client_with_rate(box: Box, create_rate: float) -> Client:
    return Client(
        Credentials.from_env(box.sandbox.environment),
        box.sandbox.profile_ids[0],
        base_url=box.sandbox.base_url,
        token_url=box.sandbox.token_url,
        create_rate=create_rate,
        clock=box.clock,
    )


def fetched(box: Box, client: Client, store: ReportCache) -> dict[int, Future[pd.DataFrame]]:
    """Fetch a week of each profile, as in the README."""

    def fetch(profile_id: int) -> pd.DataFrame:
        profile_client = client.for_profile(profile_id)
        return fetch_report("campaigns", box.day(7), box.day(1), client=profile_client, cache=store)

    with ThreadPoolExecutor(3) as pool:
        return {p: pool.submit(fetch, p) for p in client.profiles()["profileId"]}


def created(box: Box, profile_id: int) -> list[float]:
    """Return when the reports of a profile were requested, in seconds."""
    return [r.asked_at for r in box.sandbox.reports.values() if r.profile_id == profile_id]


def test_profiles_share_a_token_and_a_store_but_not_the_rate_limit(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = Box(clock, delay=20.0)
    with box.sandbox:
        jobs = fetched(box, client_with_rate(box, create_rate=0.5), store)
        frames = {profile_id: job.result() for profile_id, job in jobs.items()}
        assert list(frames) == box.sandbox.profile_ids
        assert box.sandbox.count("token") == 1
        times = [created(box, profile_id) for profile_id in frames]
    for moments in times:
        assert len(moments) == 14
        assert moments[-1] - moments[0] > 24  # 26, less what the others let pass
    # No profile waited for another: all had begun before any had ended.
    assert max(moments[0] for moments in times) < min(moments[-1] for moments in times)
    assert store.entries().groupby("profile_id").size().tolist() == [14, 14, 14]
    assert store.pending().empty


def test_frames_of_profiles_can_be_concatenated(box: Box, store: ReportCache) -> None:
    jobs = fetched(box, box.client, store)
    frames = {profile_id: job.result() for profile_id, job in jobs.items()}
    df = pd.concat(frames, names=["profile_id", None]).reset_index("profile_id")
    assert df["profile_id"].unique().tolist() == box.sandbox.profile_ids
    assert len(df) == sum(map(len, frames.values()))
    currencies = [frame.attrs["sdanalytics"]["currency"] for frame in frames.values()]
    assert currencies == ["USD", "EUR", "JPY"]
    with pytest.raises(sda.InvalidRequest, match="JPY"):
        sda.summarize(df)
    by_profile = sda.summarize(df, ["profile_id", "currency"])
    sums = [float(frame["cost"].sum()) for frame in frames.values()]
    assert by_profile["cost"].tolist() == pytest.approx(sums)


def test_a_rejected_profile_does_not_affect_the_others(
    clock: JumpingClock, store: ReportCache
) -> None:
    box = Box(clock, unregistered=[JAPAN])
    with box.sandbox:
        jobs = fetched(box, box.client, store)
    failed = {profile_id: job.exception() for profile_id, job in jobs.items() if job.exception()}
    assert list(failed) == [JAPAN]
    assert isinstance(failed[JAPAN], sda.Forbidden)
    assert len(store.entries()) == 2 * 14

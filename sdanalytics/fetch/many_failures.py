"""One error for all profiles of a call that could not be fetched, and their warnings in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sdanalytics.errors import PartialFetchError, SDAnalyticsError
from sdanalytics.fetch.wording import format_count, format_limited

if TYPE_CHECKING:
    import pandas as pd

MAX_LISTED_PROFILES: Final = 3
"""Profiles that a message names, at most, for the same reason."""

ProfileFailures = Mapping[str, SDAnalyticsError]
"""The error of each profile that could not be fetched whole, by its id."""


def combine_profile_failures(
    failures: ProfileFailures, total: int, frame: pd.DataFrame | None
) -> SDAnalyticsError:
    """Return one error for all failures: their own if nothing arrived and they are alike.

    Parameters
    ----------
    failures : mapping of str to SDAnalyticsError
        At least one.
    total : int
        The number of profiles that were to be fetched.
    frame : pandas.DataFrame or None
        What has arrived; None if nothing has.
    """
    by_type: dict[str, list[str]] = {}
    for profile_id, error in failures.items():
        name = type(error).__name__
        by_type.setdefault(name, []).append(profile_id)
    failed = format_count(len(failures), "profile")
    if frame is None and len(by_type) == 1:
        ids = format_limited(list(failures), MAX_LISTED_PROFILES)
        first, *others = failures.values()
        if others:
            first.add_note(f"Nothing could be fetched of {failed} ({ids}), for this reason.")
        return first
    reasons = []
    for name, profile_ids in by_type.items():
        alike = format_count(len(profile_ids), "profile")
        ids = format_limited(profile_ids, MAX_LISTED_PROFILES)
        reason = str(failures[profile_ids[0]]).rstrip(".")
        reasons.append(f"{name} ({alike}: {ids}): {reason}")
    all_reasons = "; ".join(reasons)
    profiles = format_count(total, "profile")
    return PartialFetchError(
        f"{len(failures)} of {profiles} could not be fetched whole; what has arrived is stored, "
        f"and is the frame of this error. {all_reasons}. Call again for what is missing",
        failures=failures,
        frame=frame,
    )


def combine_warnings(warnings: Mapping[str, Sequence[str]]) -> list[str]:
    """Return each warning once, with the profiles that it is about.

    Parameters
    ----------
    warnings : mapping of str to sequence of str
        By profile id.
    """
    ids_by_message: dict[str, list[str]] = {}
    for profile_id, messages in warnings.items():
        for message in dict.fromkeys(messages):
            ids = ids_by_message.setdefault(message, [])
            ids.append(profile_id)
    combined = []
    for message, ids in ids_by_message.items():
        listed = format_limited(ids, MAX_LISTED_PROFILES)
        noun = "profile"
        if len(ids) != 1:
            noun = f"{len(ids)} profiles"
        combined.append(f"{message} ({noun} {listed})")
    return combined

"""One error for all profiles of a call that could not be fetched, and their warnings in one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    by_type: dict[str, dict[str, SDAnalyticsError]] = {}
    for profile_id, error in failures.items():
        by_type.setdefault(type(error).__name__, {})[profile_id] = error
    if frame is None and len(by_type) == 1:
        first = next(iter(failures.values()))
        if len(failures) > 1:
            profiles = format_count(len(failures), "profile")
            names = format_limited(list(failures), MAX_LISTED_PROFILES)
            first.add_note(f"Nothing could be fetched of {profiles} ({names}), for this reason.")
        return first
    reasons = []
    for name, alike in by_type.items():
        ids = format_limited(list(alike), MAX_LISTED_PROFILES)
        reason = str(next(iter(alike.values()))).rstrip(".")
        reasons.append(f"{name} ({format_count(len(alike), 'profile')}: {ids}): {reason}")
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
        for message in messages:
            ids_by_message.setdefault(message, []).append(profile_id)
    return [_word_warning(message, ids) for message, ids in ids_by_message.items()]


def _word_warning(message: str, profile_ids: Iterable[str]) -> str:
    ids = list(profile_ids)
    listed = format_limited(ids, MAX_LISTED_PROFILES)
    noun = "profile" if len(ids) == 1 else f"{len(ids)} profiles"
    return f"{message} ({noun} {listed})"

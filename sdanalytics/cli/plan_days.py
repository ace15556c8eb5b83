"""The days of plans, by profile."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from sdanalytics.cli.report_options import ReportSelection

if TYPE_CHECKING:
    from sdanalytics import ReportPlan
    from sdanalytics.fetch.plan import PlannedPartition

PlansByProfile = dict[str, "ReportPlan"]
"""The plan of each profile, by its id, in the order of the ids."""


def split_plan(plan: ReportPlan) -> PlansByProfile:
    """Return a plan for each profile; they do not tell how many reports they need."""
    steps: dict[str, list[PlannedPartition]] = {}
    for step in plan.steps:
        steps.setdefault(step.partition.profile_id, []).append(step)
    plans = {}
    for profile_id in sorted(steps, key=int):
        plans[profile_id] = replace(plan, steps=tuple(steps[profile_id]), reports=0)
    return plans


def list_days(plan: ReportPlan) -> list[date]:
    """Return all days of a profile's plan, in order."""
    days = {step.partition.date for step in plan.steps}
    return sorted(days)


def has_work(plan: ReportPlan) -> bool:
    """Return whether a fetch would request a report, or wait for one."""
    return any(step.action in ("request", "in_flight") for step in plan.steps)


def describe_stored_profile(selection: ReportSelection, profile_id: str) -> dict[str, Any]:
    """Return what tells a profile from others: id, name and country, as far as they are stored."""
    from sdanalytics.model.partition import ProfileKey
    from sdanalytics.store.cache import internal_store

    key = ProfileKey(selection.client.source, profile_id)
    profile = internal_store(selection.cache).metadata.profile(key)
    return {
        "profile_id": profile_id,
        "account_name": profile.account_name if profile else None,
        "country": profile.country if profile else None,
    }

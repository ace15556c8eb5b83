"""A profile: an advertiser in a marketplace, with its currency and time zone."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sdanalytics.errors import NotConfigured

MAX_LISTED_PROFILES: Final = 20
"""Profiles that an error lists, at most."""


@dataclass(frozen=True)
class Profile:
    """An advertiser in a marketplace.

    Attributes
    ----------
    profile_id : str
    country : str
        ISO 3166 code of the marketplace.
    currency : str
        ISO 4217 code.
    timezone : str
        IANA name; the days of reports are days in that zone.
    account_type : str
        ``seller``, ``vendor`` or ``agency``.
    account_name : str
    """

    profile_id: str
    country: str
    currency: str
    timezone: str
    account_type: str
    account_name: str

    @classmethod
    def from_api(cls, document: Mapping[str, Any]) -> Profile:
        """Parse an element of the service's list of profiles.

        Raises
        ------
        NotConfigured
            When Python does not know its time zone: the days of reports depend on it.
        """
        account = account_info(document)
        return cls(
            profile_id=str(document["profileId"]),
            country=str(document.get("countryCode") or ""),
            currency=str(document.get("currencyCode") or ""),
            timezone=_parse_zone(document).key,
            account_type=str(account.get("type") or ""),
            account_name=str(account.get("name") or ""),
        )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the days of reports."""
        return ZoneInfo(self.timezone)

    def today(self, now: datetime) -> date:
        """Return the date where the profile is, at a moment (aware)."""
        return now.astimezone(self.zone).date()

    def to_json(self) -> dict[str, str]:
        """Return plain values; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: object) -> Profile:
        """Read the values of `to_json`; ValueError or TypeError if they are anything else."""
        if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
            raise TypeError("the values of a profile must be text")
        profile = cls(**values)
        with contextlib.suppress(ZoneInfoNotFoundError, OSError):
            if profile.zone:
                return profile
        raise ValueError(f"unknown time zone: {profile.timezone!r}")


def _parse_zone(document: Mapping[str, Any]) -> ZoneInfo:
    name = document.get("timezone")
    try:
        return ZoneInfo(name)  # type: ignore[arg-type]  # the service may send anything
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise NotConfigured(
            f"the time zone {name!r} of profile {document['profileId']} is not known to Python "
            "here: update the package tzdata"
        ) from None


def account_info(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the account of a profile in the service's list; empty if it has none."""
    account = document.get("accountInfo")
    return account if isinstance(account, dict) else {}


def find_profile(documents: Sequence[Mapping[str, Any]], profile_id: str | None) -> Profile:
    """Return the profile of an id in the service's list; without an id, the only one.

    Raises
    ------
    NotConfigured
        When there is none, or several without an id; it lists the accessible profiles.
    """
    if profile_id is None:
        return _find_only_profile(documents)
    for document in documents:
        if str(document["profileId"]) == profile_id:
            return Profile.from_api(document)
    raise NotConfigured(
        "profile_id must be a profile that this login can access in this region, got "
        f"{profile_id}; it can access {describe_profiles(documents)}"
    )


def describe_profiles(documents: Sequence[Mapping[str, Any]]) -> str:
    """Describe profiles of the service's list: id, name, country and type of each."""
    described = []
    for document in documents[:MAX_LISTED_PROFILES]:
        account = account_info(document)
        values = account.get("name"), document.get("countryCode"), account.get("type")
        known = ", ".join(str(value) for value in values if value)
        described.append(f"{document['profileId']} ({known})")
    more = len(documents) - MAX_LISTED_PROFILES
    if more > 0:
        described.append(f"and {more} more, which Client.profiles() lists")
    return ", ".join(described) or "none"


def _find_only_profile(documents: Sequence[Mapping[str, Any]]) -> Profile:
    if len(documents) == 1:
        return Profile.from_api(documents[0])
    if not documents:
        raise NotConfigured(
            "this login can access no profile in this region: check the region (NA, EU or FE), and "
            "that the account that gave its consent advertises there"
        )
    raise NotConfigured(
        f"profile_id must name one of the {len(documents)} profiles of this login: pass "
        "Client(credentials, profile_id), client.for_profile(profile_id), or set "
        f"SDANALYTICS_PROFILE_ID. They are {describe_profiles(documents)}"
    )

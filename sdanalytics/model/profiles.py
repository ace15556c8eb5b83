"""A profile: an advertiser in a marketplace, with its currency and time zone."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sdanalytics.errors import NotConfigured


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


def find_profile(documents: Sequence[Mapping[str, Any]], profile_id: str) -> Profile:
    """The profile of that id in the service's list.

    Raises
    ------
    NotConfigured
        Listing the profiles that there are.
    """
    for document in documents:
        if str(document["profileId"]) == profile_id:
            return Profile.from_api(document)
    accessible = []
    for document in documents:
        name, country = account_info(document).get("name"), document.get("countryCode")
        accessible.append(f"{document['profileId']} ({name}, {country})")
    raise NotConfigured(
        f"profile {profile_id} is not among those that this login can access in this region: "
        f"{', '.join(accessible) or 'there are none'}"
    )

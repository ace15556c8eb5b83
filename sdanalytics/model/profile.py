"""The facts of a profile that reports depend on: currency and time zone."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sdanalytics.errors import NotConfigured


@dataclass(frozen=True)
class Profile:
    """One advertiser in one marketplace.

    Attributes
    ----------
    profile_id : str
    country : str
        ISO 3166 code of the marketplace.
    currency : str
        ISO 4217 code.
    timezone : str
        IANA name; the days of reports are days there.
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
        """From an element of the service's list of profiles.

        Raises
        ------
        NotConfigured
            When it has no time zone that Python knows: days are days of that zone.
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
        """The time zone whose days the reports are of."""
        return ZoneInfo(self.timezone)

    def to_json(self) -> dict[str, str]:
        """The profile as plain values; `from_json` gives it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: object) -> Profile:
        """From what `to_json` gave; ValueError or TypeError when it is something else."""
        if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
            raise TypeError("a profile's facts are text")
        profile = cls(**values)
        with contextlib.suppress(ZoneInfoNotFoundError, OSError):
            if profile.zone:
                return profile
        raise ValueError(f"no time zone: {profile.timezone!r}")


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

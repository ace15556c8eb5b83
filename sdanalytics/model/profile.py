"""A profile: an advertiser in a marketplace, with its currency and time zone."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sdanalytics.errors import NotConfigured

if TYPE_CHECKING:
    import pandas as pd


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
        account = _account(document)
        return cls(
            profile_id=str(document["profileId"]),
            country=str(document.get("countryCode") or ""),
            currency=str(document.get("currencyCode") or ""),
            timezone=_zone(document).key,
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


def _zone(document: Mapping[str, Any]) -> ZoneInfo:
    name = document.get("timezone")
    try:
        return ZoneInfo(name)  # type: ignore[arg-type]  # the service may send anything
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise NotConfigured(
            f"the time zone {name!r} of profile {document['profileId']} is not known to Python "
            "here: update the package tzdata"
        ) from None


def _account(document: Mapping[str, Any]) -> Mapping[str, Any]:
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
    there_are = ", ".join(
        f"{d['profileId']} ({_account(d).get('name')}, {d.get('countryCode')})" for d in documents
    )
    raise NotConfigured(
        f"profile {profile_id} is not among those that this login can access in this region: "
        f"{there_are or 'there are none'}"
    )


def profiles_frame(documents: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The service's list of profiles as a frame (see `Client.profiles`)."""
    import pandas as pd

    from sdanalytics.model.dtypes import string_array

    accounts = [_account(document) for document in documents]
    columns = {"profileId": pd.array([d["profileId"] for d in documents], dtype="Int64")}
    for name in ("countryCode", "currencyCode", "timezone"):
        columns[name] = string_array(_text(d.get(name)) for d in documents)
    for column, name in _ACCOUNT_COLUMNS.items():
        columns[column] = string_array(_text(account.get(name)) for account in accounts)
    return pd.DataFrame(columns)


_ACCOUNT_COLUMNS = {
    "accountType": "type",
    "accountName": "name",
    "accountId": "id",
    "marketplaceStringId": "marketplaceStringId",
}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

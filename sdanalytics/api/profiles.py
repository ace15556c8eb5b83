"""The facts of a profile that reports depend on: currency and time zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sdanalytics.errors import NotConfigured

if TYPE_CHECKING:
    import pandas as pd


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
    def of(cls, document: Mapping[str, Any]) -> Profile:
        """From an element of the service's list of profiles."""
        account = _account(document)
        return cls(
            profile_id=str(document["profileId"]),
            country=document.get("countryCode") or "",
            currency=document.get("currencyCode") or "",
            timezone=document.get("timezone") or "UTC",
            account_type=account.get("type") or "",
            account_name=account.get("name") or "",
        )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone whose days the reports are of."""
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise NotConfigured(
                f"the time zone {self.timezone!r} of profile {self.profile_id} is not known to "
                "Python here: update the package tzdata"
            ) from None

    def to_json(self) -> dict[str, str]:
        """The profile as plain values; ``Profile(**values)`` gives it back."""
        return asdict(self)


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
    profiles = [Profile.of(document) for document in documents]
    for profile in profiles:
        if profile.profile_id == profile_id:
            return profile
    there_are = ", ".join(f"{p.profile_id} ({p.account_name}, {p.country})" for p in profiles)
    raise NotConfigured(
        f"profile {profile_id} is not among those that this login can access in this region: "
        f"{there_are or 'there are none'}"
    )


def profiles_frame(documents: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The service's list of profiles as a frame (see `Client.profiles`)."""
    import pandas as pd

    from sdanalytics.schema import text_column

    accounts = [_account(document) for document in documents]
    text: dict[str, list[Any]] = {
        "countryCode": [d.get("countryCode") for d in documents],
        "currencyCode": [d.get("currencyCode") for d in documents],
        "timezone": [d.get("timezone") for d in documents],
        "accountType": [a.get("type") for a in accounts],
        "accountName": [a.get("name") for a in accounts],
        "accountId": [a.get("id") for a in accounts],
        "marketplaceStringId": [a.get("marketplaceStringId") for a in accounts],
    }
    ids = pd.array([d["profileId"] for d in documents], dtype="Int64")
    columns = {name: text_column(values) for name, values in text.items()}
    return pd.DataFrame({"profileId": ids, **columns})

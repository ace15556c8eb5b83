"""An account of the unified Ads API: that of a profile, which may have profiles beside it."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class AdvertiserAccount:
    """The account of a profile.

    Attributes
    ----------
    account_id : str
        The service's id, such as ``amzn1.ads-account.g.abc``.
    country : str
        ISO 3166 code of the profile's marketplace; empty if the service does not say.
    other_countries : tuple of str
        Those of the other profiles of the account, in the same way.
    """

    account_id: str
    country: str
    other_countries: tuple[str, ...] = ()

    @property
    def is_shared(self) -> bool:
        """Whether the account has other profiles, whose rows its reports have, too."""
        return bool(self.other_countries)

    @property
    def is_told_by_country(self) -> bool:
        """Whether the country tells the profile's rows from those of the other profiles."""
        if not self.country:
            return False
        return self.country not in self.other_countries

    def to_json(self) -> dict[str, object]:
        """Return plain values; `from_json` reads them back."""
        return asdict(self) | {"other_countries": list(self.other_countries)}

    @classmethod
    def from_json(cls, values: object) -> AdvertiserAccount:
        """Read the values of `to_json`; ValueError or TypeError if they are anything else."""
        if not isinstance(values, dict):
            raise TypeError("an account must be an object")
        account_id, country = values.get("account_id"), values.get("country")
        others = values.get("other_countries")
        if not isinstance(account_id, str) or not isinstance(country, str) or not account_id:
            raise TypeError("the values of an account must be text")
        if not isinstance(others, list) or not all(isinstance(name, str) for name in others):
            raise TypeError("the countries of an account must be a list of text")
        return cls(account_id, country, tuple(others))

"""The advertiser accounts of the unified Ads API v1: which profiles each holds, and their list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from typing import Final

from werkzeug.wrappers import Request, Response

from sdanalytics.sandbox.access import AccessControl
from sdanalytics.sandbox.responses import JsonObject, json_response
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import Advertiser, list_advertisers
from sdanalytics.sandbox.simulation.identifiers import make_code, make_id
from sdanalytics.sandbox.v1_problems import malformed, parse_json_body

_REGIONS: Final = {"US": "NA", "CA": "NA", "DE": "EU", "JP": "FE"}
_NOT_GLOBAL: Final = ("JP",)
"""Countries whose accounts are of one country."""
_MIN_RESULTS: Final = 10
MAX_RESULTS: Final = 100
"""Accounts of a page."""
_FIRST_TOKEN: Final = "accounts-from-0"  # noqa: S105
_ACCOUNT_FILTERS: Final = {"advertiserAccountIdFilter": str, "isGlobalAccountFilter": bool}
"""The filters of the list, with the type of the values that they include."""
_FILTER_LENGTHS: Final = {"advertiserAccountIdFilter": 100, "isGlobalAccountFilter": 1}


@dataclass(frozen=True, eq=False)
class Account:
    """An advertiser account.

    Attributes
    ----------
    account_id : str
    advertisers : tuple of Advertiser
        The profiles that it holds, one of each country.
    """

    account_id: str
    advertisers: tuple[Advertiser, ...]

    @property
    def is_global(self) -> bool:
        """Whether it is a global account, which may hold profiles of several countries."""
        return self.advertisers[0].country not in _NOT_GLOBAL

    def to_document(self) -> JsonObject:
        """Return the account as it is listed."""
        first = self.advertisers[0]
        return {
            "advertiserAccountId": self.account_id,
            "displayName": first.name,
            "isGlobalAccount": self.is_global,
            "timeZoneIana": first.timezone,
            "currencyCode": first.currency,
            "status": {"statusCode": "APPROVED"},
            "alternateIds": list(chain.from_iterable(map(_list_ids, self.advertisers))),
        }


def _list_ids(advertiser: Advertiser) -> list[JsonObject]:
    """Return the other ids of an account in a country, of which one is not a profile."""
    country = {"countryCode": advertiser.country, "region": _REGIONS[advertiser.country]}
    code = make_code(f"entity/{advertiser.profile_id}", 13)
    profile_id = str(advertiser.profile_id)
    profile = {"profileId": profile_id, "entityId": f"ENTITY{code}"}
    other = {"entityId": f"ENTITY{code[::-1]}"}
    return [country | other, country | profile]


@cache
def list_accounts(campaigns: int, seed: int, profiles: int) -> dict[str, Account]:
    """Return the accounts by their ids: one for each profile of the sandbox.

    Those of sellers in the US hold a profile in Canada, too, which only this API shows.

    Parameters
    ----------
    campaigns, seed, profiles : int
        As in `Settings`.
    """
    accounts = {}
    for advertiser in list_advertisers(campaigns, seed, profiles).values():
        members = [advertiser]
        if advertiser.country == "US":
            members.append(_open_in_canada(advertiser))
        code = make_code(f"account/{advertiser.profile_id}", 12)
        account_id = f"amzn1.ads-account.g.{code.lower()}"
        accounts[account_id] = Account(account_id, tuple(members))
    return accounts


def select_accounts(settings: Settings) -> dict[str, Account]:
    """Return the accounts of a sandbox by their ids."""
    return list_accounts(settings.campaigns, settings.seed, settings.profiles)


def _open_in_canada(advertiser: Advertiser) -> Advertiser:
    return replace(
        advertiser,
        profile_id=make_id(f"{advertiser.profile_id}/Canada"),
        country="CA",
        currency="CAD",
        marketplace="A2EUQ1WTGCTBG2",
    )


class AccountList:
    """The operation that lists accounts, page by page; the first page is always empty."""

    def __init__(self, settings: Settings, access: AccessControl) -> None:
        self._settings = settings
        self._access = access

    def query_accounts(self, request: Request) -> Response:
        """List accounts; global ones, unless a filter says otherwise."""
        self._access.check_v1_login(request)
        body = parse_json_body(request)
        _check_query(body)
        token = body.get("nextToken")
        if token is None:
            return json_response({"advertiserAccounts": [], "nextToken": _FIRST_TOKEN})
        start = _parse_token(token)
        count = min(body.get("maxResults", MAX_RESULTS), self._settings.page_size)
        accounts = select_accounts(self._settings)
        selected = _select(list(accounts.values()), body)
        end = start + count
        page = [account.to_document() for account in selected[start:end]]
        document: JsonObject = {"advertiserAccounts": page}
        if end < len(selected):
            document["nextToken"] = _FIRST_TOKEN.replace("0", str(end))
        return json_response(document)


def _check_query(body: JsonObject) -> None:
    unknown = set(body) - {"maxResults", "nextToken", *_ACCOUNT_FILTERS}
    if unknown:
        names = ", ".join(sorted(unknown))
        raise malformed(f"unknown fields: ({names})")
    count = body.get("maxResults", MAX_RESULTS)
    if type(count) is not int or not _MIN_RESULTS <= count <= MAX_RESULTS:
        raise malformed(f"maxResults must be from {_MIN_RESULTS} to {MAX_RESULTS}")
    for name, kind in _ACCOUNT_FILTERS.items():
        if name not in body:
            continue
        wanted = None
        if isinstance(body[name], dict):
            wanted = body[name].get("include")
        limit = _FILTER_LENGTHS[name]
        if not isinstance(wanted, list) or not 1 <= len(wanted) <= limit:
            raise malformed(f"{name} must include from 1 to {limit} values")
        if not all(isinstance(value, kind) for value in wanted):
            raise malformed(f"{name} includes values of the wrong type")


def _parse_token(token: object) -> int:
    text = str(token).removeprefix("accounts-from-")
    if not text.isdigit():
        raise malformed("nextToken is invalid")
    return int(text)


def _select(accounts: Sequence[Account], body: JsonObject) -> list[Account]:
    scope = body.get("isGlobalAccountFilter", {"include": [True]})
    selected = [account for account in accounts if account.is_global in scope["include"]]
    ids = body.get("advertiserAccountIdFilter")
    if ids is None:
        return selected
    return [account for account in selected if account.account_id in ids["include"]]

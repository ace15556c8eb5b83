"""The advertiser accounts of the unified Ads API v1: which profiles each holds, and their list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
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
_TOKEN_PREFIX: Final = "accounts-from-"  # noqa: S105
_ACCOUNT_FILTERS: Final = {
    "advertiserAccountIdFilter": (str, 100),
    "isGlobalAccountFilter": (bool, 1),
}
"""The filters of the list: the type of the values that they include, and how many at most."""
_QUERY_FIELDS: Final = ("maxResults", "nextToken", *_ACCOUNT_FILTERS)


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
        ids = []
        for advertiser in self.advertisers:
            ids += _list_ids(advertiser)
        return {
            "advertiserAccountId": self.account_id,
            "displayName": first.name,
            "isGlobalAccount": self.is_global,
            "timeZoneIana": first.timezone,
            "currencyCode": first.currency,
            "status": {"statusCode": "APPROVED"},
            "alternateIds": ids,
        }


def _list_ids(advertiser: Advertiser) -> list[JsonObject]:
    """Return the other ids of an account in a country, of which one is not a profile."""
    code = make_code(f"entity/{advertiser.profile_id}", 13)
    country = {
        "countryCode": advertiser.country,
        "region": _REGIONS[advertiser.country],
    }
    other = country | {"entityId": f"ENTITY{code[::-1]}"}
    profile = country | {
        "profileId": str(advertiser.profile_id),
        "entityId": f"ENTITY{code}",
    }
    return [other, profile]


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
    advertisers = list_advertisers(campaigns, seed, profiles)
    for advertiser in advertisers.values():
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
            document: JsonObject = {"advertiserAccounts": [], "nextToken": f"{_TOKEN_PREFIX}0"}
            return json_response(document)
        start = _parse_token(token)
        count = min(body.get("maxResults", MAX_RESULTS), self._settings.page_size)
        accounts = select_accounts(self._settings)
        selected = _select(accounts.values(), body)
        end = start + count
        page = []
        for account in selected[start:end]:
            page.append(account.to_document())
        document = {"advertiserAccounts": page}
        if end < len(selected):
            document["nextToken"] = f"{_TOKEN_PREFIX}{end}"
        return json_response(document)


def _check_query(body: JsonObject) -> None:
    unknown = set(body).difference(_QUERY_FIELDS)
    if unknown:
        names = ", ".join(sorted(unknown))
        raise malformed(f"unknown fields: ({names})")
    count = body.get("maxResults", MAX_RESULTS)
    if type(count) is not int or not _MIN_RESULTS <= count <= MAX_RESULTS:
        raise malformed(f"maxResults must be from {_MIN_RESULTS} to {MAX_RESULTS}")
    for name in _ACCOUNT_FILTERS:
        if name in body:
            _check_filter(name, body[name])


def _check_filter(name: str, document: object) -> None:
    kind, longest = _ACCOUNT_FILTERS[name]
    wanted = None
    if isinstance(document, dict):
        wanted = document.get("include")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= longest:
        raise malformed(f"{name} must include from 1 to {longest} values")
    for value in wanted:
        if not isinstance(value, kind):
            raise malformed(f"{name} includes a value of the wrong type")


def _parse_token(token: object) -> int:
    text = str(token)
    text = text.removeprefix(_TOKEN_PREFIX)
    if not text.isdigit():
        raise malformed("nextToken is invalid")
    return int(text)


def _select(accounts: Iterable[Account], body: JsonObject) -> list[Account]:
    scope = body.get("isGlobalAccountFilter", {"include": [True]})
    ids = body.get("advertiserAccountIdFilter")
    selected = []
    for account in accounts:
        is_selected = account.is_global in scope["include"]
        if ids is not None and account.account_id not in ids["include"]:
            is_selected = False
        if is_selected:
            selected.append(account)
    return selected

"""The profiles that a login can access."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sdanalytics.api.answers import expect_document
from sdanalytics.api.documents import text_or_none, to_valid_text
from sdanalytics.api.session import ApiRequest, ApiSession
from sdanalytics.model.profiles import account_info

if TYPE_CHECKING:
    import pandas as pd

# Of reports, viewing is enough; without the parameters, logins that may only view see no profile.
_PROFILES_PATH: Final = "/v2/profiles?apiProgram=report&accessLevel=view"
_PROFILE_ID: Final = re.compile("[0-9]{1,18}")
_PROFILE_FIELDS: Final = ("countryCode", "currencyCode", "timezone")
_ACCOUNT_FIELDS: Final = ("type", "name", "id", "marketplaceStringId")
_DTYPES: Final = {
    "profileId": "Int64",
    "countryCode": "str",
    "currencyCode": "str",
    "timezone": "str",
    "accountType": "str",
    "accountName": "str",
    "accountId": "str",
    "marketplaceStringId": "str",
}
"""The columns of `Client.profiles`: the id, `_PROFILE_FIELDS`, `_ACCOUNT_FIELDS`."""


def list_profiles(session: ApiSession) -> list[dict[str, Any]]:
    """List the profiles as the service describes them: ``GET /v2/profiles``.

    Raises
    ------
    ApiError
        Also when the response is not a list of profiles.
    """
    request = ApiRequest(
        "profiles",
        "GET",
        _PROFILES_PATH,
        needs_profile_scope=False,
        find_fault=expect_document("a list of profiles", _has_profiles),
    )
    profiles = []
    for document in session.send(request).json():
        if _is_profile(document):
            numbered = document | {"profileId": int(document["profileId"])}
            profiles.append({name: to_valid_text(value) for name, value in numbered.items()})
    return profiles


def profiles_frame(documents: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Build the frame of `Client.profiles` from the service's list of profiles."""
    # Loaded on use: the API alone needs neither pandas nor numpy.
    from sdanalytics.model.frames import frame_from_records

    records = []
    for document in documents:
        account = account_info(document)
        values = [document.get(name) for name in _PROFILE_FIELDS]
        values += [account.get(name) for name in _ACCOUNT_FIELDS]
        records.append([document["profileId"], *map(text_or_none, values)])
    return frame_from_records(records, _DTYPES)


def _has_profiles(documents: object) -> bool:
    """Return whether it is a list of profiles: an empty one, or one with at least one profile."""
    return isinstance(documents, list) and (not documents or any(map(_is_profile, documents)))


def _is_profile(document: object) -> bool:
    if not isinstance(document, dict):
        return False
    return _PROFILE_ID.fullmatch(str(document.get("profileId"))) is not None

"""`ProfileChoice`: the profiles of a call, as a user names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sdanalytics.api.config import validate_profile_id
from sdanalytics.api.profiles import profiles_frame
from sdanalytics.errors import InvalidRequest, NotConfigured
from sdanalytics.fetch.wording import format_count

if TYPE_CHECKING:
    import pandas as pd

ChooseProfiles: TypeAlias = Callable[["pd.DataFrame"], Any]
"""Given `Client.profiles()`: the rows to fetch, or a mask of them, or ids."""
ProfilesLike: TypeAlias = Literal["all"] | Iterable[int | str] | ChooseProfiles
"""The values of the parameter `profiles`: all, some ids, or a function of `Client.profiles()`."""

Documents = Sequence[Mapping[str, Any]]
"""The profiles as the service describes them."""

_EXPECTED = (
    "profiles must be 'all', a list of profile ids, or a function that chooses rows of "
    "client.profiles()"
)


@dataclass(frozen=True)
class ProfileChoice:
    """The profiles to fetch.

    Attributes
    ----------
    ids : tuple of int or None
        Each once, sorted; None: they are chosen from the service's list.
    choose : callable or None
        Chooses from that list; None: all of it.
    """

    ids: tuple[int, ...] | None = None
    choose: ChooseProfiles | None = None

    @classmethod
    def parse(cls, profiles: object) -> ProfileChoice:
        """Parse what a user passed.

        Raises
        ------
        InvalidRequest
        """
        if callable(profiles):
            return cls(choose=profiles)
        if isinstance(profiles, str) and profiles.strip().lower() == "all":
            return cls()
        return cls(_parse_ids(profiles))

    def __str__(self) -> str:
        if self.ids is not None:
            return format_count(len(self.ids), "profile")
        return "all profiles" if self.choose is None else "chosen profiles"

    def select(self, documents: Documents) -> tuple[int, ...]:
        """Return the ids of the profiles to fetch, given the service's list.

        Raises
        ------
        NotConfigured
            When the list is empty.
        InvalidRequest
            When the function chooses none, or something else than profiles.
        """
        if self.ids is not None:
            return self.ids
        if not documents:
            raise NotConfigured(
                "this login can access no profile in this region: choose another region="
            )
        if self.choose is None:
            ids = {int(document["profileId"]) for document in documents}
            return tuple(sorted(ids))
        return _choose_ids(self.choose, profiles_frame(documents))


def _choose_ids(choose: ChooseProfiles, listed: pd.DataFrame) -> tuple[int, ...]:
    """Return the ids that a function chooses from the frame of profiles."""
    import pandas as pd

    chosen = choose(listed)
    if isinstance(chosen, pd.Series) and pd.api.types.is_bool_dtype(chosen.dtype):
        chosen = listed[chosen]
    if isinstance(chosen, pd.DataFrame):
        if "profileId" not in chosen:
            raise InvalidRequest(
                "profiles must choose rows of client.profiles(), got a frame without profileId"
            )
        chosen = chosen["profileId"]
    ids = _parse_ids(chosen)
    unknown = set(ids).difference(listed["profileId"])
    if unknown:
        raise InvalidRequest(
            f"profiles must choose from client.profiles(), got {min(unknown)}, which is not there"
        )
    return ids


def _parse_ids(profiles: object) -> tuple[int, ...]:
    """Return the ids of a list, or of one id, sorted, each once."""
    if isinstance(profiles, int | str):
        profiles = [profiles]
    if not isinstance(profiles, Iterable):
        raise InvalidRequest(f"{_EXPECTED}, got {profiles!r}")
    ids = set()
    for profile_id in profiles:
        try:
            ids.add(validate_profile_id(profile_id))
        except InvalidRequest as error:
            raise InvalidRequest(f"{_EXPECTED}. {error}") from None
    if not ids:
        raise InvalidRequest(f"{_EXPECTED}, got none: name at least one")
    return tuple(sorted(ids))

"""``sdanalytics login``: through Login with Amazon, step by step, to a login that is kept."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast

from sdanalytics._core.hidden_frames import hide_frames
from sdanalytics._core.printable import to_printable
from sdanalytics.api.auth import Credentials, validate_credential
from sdanalytics.api.client import Client
from sdanalytics.api.client_settings import uses_config_file
from sdanalytics.api.config import ClientConfig, validate_profile_id, validate_service_url
from sdanalytics.api.config_file import DEFAULT_LOGIN, ConfigFile, validate_login_name
from sdanalytics.api.consent import ConsentRequest, exchange_code, validate_redirect_uri
from sdanalytics.api.hosts import REGIONS, find_region
from sdanalytics.errors import InvalidRequest, NotConfigured
from sdanalytics.model.literals import Api, Region
from sdanalytics.model.report_batch import MAX_REPORT_BYTES

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

DEFAULT_REGION: Final = "NA"
DEFAULT_REDIRECT: Final = "https://amazon.com"
"""The return URL that Amazon's guides use."""
NO_PROFILE: Final = "none"
"""The answer for a login whose calls name their profile."""
_PROFILE_ROW: Final = "{:5}  {:18}  {:2}  {:3}  {:7}  {}"
"""The number, id, country, currency, kind and name of a profile, in columns."""
_KEPT_VARIABLES: Final = ("api", "history", "base_url", "token_url", "storage_hosts")
"""Settings of clients that are kept with a login if variables set them."""


@dataclass(frozen=True)
class LoginOptions:
    """The options of the command; None: to be asked, unless a variable says it.

    Attributes
    ----------
    name : str
        Of the login.
    region, client_id, redirect_uri, profile_id : str or None
    use_keyring : bool
        Whether the system's keyring may keep the secrets.
    """

    name: str
    region: str | None
    client_id: str | None
    redirect_uri: str | None
    profile_id: str | None
    use_keyring: bool


@hide_frames
def run_login(options: LoginOptions, environment: Mapping[str, str]) -> None:
    """Ask for an application and the advertiser's consent, choose a profile, and keep the login.

    Parameters
    ----------
    options : LoginOptions
    environment : mapping of str to str
        Variables ``SDANALYTICS_...`` answer questions beforehand.

    Raises
    ------
    InvalidRequest, NotConfigured
        When an option or a variable is wrong, the file cannot be written, the consent is refused,
        or the input ends.
    ApiError
        When the code is not exchanged, or the profiles are not listed.
    """
    name = validate_login_name(options.name)
    file = ConfigFile.locate(environment)
    file.ensure_writable()
    if options.profile_id not in (None, NO_PROFILE):
        validate_profile_id(options.profile_id)
    settings = _choose_service(options, environment)
    config = _validate_service(settings)
    consent_url = _find_consent_url(config, environment)
    client_id, client_secret = _ask_application(options, environment)
    redirect_uri = _ask_redirect(options)
    request = ConsentRequest(consent_url, client_id, redirect_uri)
    _say("Open this address in a browser, log in as the advertiser, and allow access:")
    _say(f"\n  {request.address}\n")
    _say("Then the browser goes to an address with code= in it. The page itself does not matter.")
    code = _prompt("That address, or the code alone", request.read_code)
    refresh_token = exchange_code(request, code, client_secret, config.token_url, config.clock)
    credentials = Credentials(client_id, client_secret, refresh_token)
    profile_id = _choose_profile(_create_client(credentials, settings), options.profile_id)
    settings |= {
        "client_id": client_id,
        "client_secret": client_secret,
        "refresh_token": refresh_token,
    }
    if profile_id is not None:
        settings["profile_id"] = str(profile_id)
    in_keyring = file.write_login(name, settings, use_keyring=options.use_keyring)
    _say(_describe_kept_login(file, name, environment, in_keyring=in_keyring))


def _choose_service(options: LoginOptions, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that say which service the login is for."""
    settings: dict[str, str] = {}
    for key in _KEPT_VARIABLES:
        value = environment.get(f"SDANALYTICS_{key.upper()}")
        if value:
            settings[key] = value
    region = options.region or environment.get("SDANALYTICS_REGION")
    if region is None and "base_url" in settings:
        region = DEFAULT_REGION  # which another service has none of
    if region is None:
        question = "Region: NA (the Americas), EU (Europe, Middle East, India), FE (Far East)"
        region = _prompt(question, _parse_region, DEFAULT_REGION)
    settings["region"] = _parse_region(region)
    return settings


def _parse_region(text: str) -> str:
    return _validate_service({"region": text}).region


def _validate_service(settings: Mapping[str, str]) -> ClientConfig:
    """Return the settings of a client of the service."""
    config = ClientConfig.from_settings(
        None,
        region=settings["region"],
        base_url=settings.get("base_url"),
        token_url=settings.get("token_url"),
        api=settings.get("api"),
        history=settings.get("history"),
        create_rate=None,
        storage_hosts=(),
        largest_report=MAX_REPORT_BYTES,
        clock=None,
    )
    if config.sends_local_login_to_amazon:
        raise NotConfigured(
            f"the login for {config.base_url} would be sent to Amazon: set SDANALYTICS_TOKEN_URL"
        )
    return config


def _find_consent_url(config: ClientConfig, environment: Mapping[str, str]) -> str:
    """Return the page where the advertiser gives consent."""
    named = environment.get("SDANALYTICS_CONSENT_URL")
    if named:
        return validate_service_url("SDANALYTICS_CONSENT_URL", named)
    region = find_region(config.base_url)
    if region is None:
        raise NotConfigured(
            f"{config.base_url} is none of Amazon's services, so its consent page is not known: "
            "set SDANALYTICS_CONSENT_URL, or unset SDANALYTICS_BASE_URL"
        )
    return REGIONS[region].consent_url


def _ask_application(options: LoginOptions, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the client id and the client secret of the application."""
    parse_id = partial(_parse_credential, "client_id")
    parse_secret = partial(_parse_credential, "client_secret")
    client_id = options.client_id or environment.get("SDANALYTICS_CLIENT_ID")
    client_secret = environment.get("SDANALYTICS_CLIENT_SECRET")
    if not client_id or not client_secret:
        _say(
            "Of your application at https://developer.amazon.com, Login with Amazon, which Amazon "
            "has approved for its advertising API:"
        )
    if not client_id:
        client_id = _prompt("Client id", parse_id)
    if not client_secret:
        client_secret = _prompt("Client secret (not shown)", parse_secret, read=_read_secret)
    return parse_id(client_id), parse_secret(client_secret)


def _parse_credential(name: str, text: str) -> str:
    try:
        value = validate_credential(name, text)
    except NotConfigured as error:
        raise InvalidRequest(str(error)) from None
    if not value:
        raise InvalidRequest(f"{name} must not be empty: copy it from the application's page")
    return value


def _ask_redirect(options: LoginOptions) -> str:
    if options.redirect_uri is not None:
        return validate_redirect_uri(options.redirect_uri)
    question = "One of the application's Allowed Return URLs, exactly as it is there"
    return _prompt(question, validate_redirect_uri, DEFAULT_REDIRECT)


def _create_client(credentials: Credentials, settings: Mapping[str, str]) -> Client:
    return Client(
        credentials,
        region=cast("Region", settings["region"]),
        base_url=settings.get("base_url"),
        token_url=settings.get("token_url"),
        api=cast("Api | None", settings.get("api")),
    )


def _choose_profile(client: Client, named: str | None) -> int | None:
    """Return the profile of reports; None to name it in each call."""
    profiles = client.profiles()
    known: list[int] = profiles["profileId"].tolist()
    if not known:
        raise NotConfigured(
            f"this login can access no profile in {client.source}: check the region, and that the "
            "account that gave its consent advertises there. Nothing is kept"
        )
    if named is None:
        _say("Profiles:")
        _say(_format_profile_table(profiles))
    if named is not None:
        return _parse_profile(named, known)
    if len(known) == 1:
        return known[0]
    question = "Profile of reports: its number or id (none: each call names one)"
    return _prompt(question, partial(_parse_profile, known=known))


def _format_profile_table(profiles: pd.DataFrame) -> str:
    columns = ["profileId", "countryCode", "currencyCode", "accountType", "accountName"]
    lines = []
    for number, row in enumerate(profiles[columns].itertuples(index=False), 1):
        texts = [to_printable(str(value)) for value in row]
        lines.append(_PROFILE_ROW.format(number, *texts))
    return "\n".join(lines)


def _parse_profile(text: str, known: list[int]) -> int | None:
    """Return a profile by its number in the list, or by its id; None for no text."""
    if text in ("", NO_PROFILE):
        return None
    profile_id = validate_profile_id(text)
    if profile_id in known:
        return profile_id
    if 1 <= profile_id <= len(known):
        return known[profile_id - 1]
    raise InvalidRequest(
        f"profile_id must be one of the {len(known)} profiles of this login, got {profile_id}"
    )


def _describe_kept_login(
    file: ConfigFile, name: str, environment: Mapping[str, str], *, in_keyring: bool
) -> str:
    """Return where the login is kept, and how it is used."""
    location = "its secrets in the system's keyring" if in_keyring else "which only you may read"
    call = ""
    if name != DEFAULT_LOGIN:
        call = repr(name)
    lines = [f"{file.describe(name)} is kept, {location}: sda.Client.from_config({call})."]
    if name == DEFAULT_LOGIN and uses_config_file(environment):
        lines.append("Calls without client= use it.")
    elif name == DEFAULT_LOGIN:
        lines.append("Calls without client= use the credentials of the variables SDANALYTICS_....")
    text = " ".join(lines)
    return text[0].upper() + text[1:]


def _prompt(
    question: str, parse: Callable[[str], T], default: str = "", read: Callable[[str], str] = input
) -> T:
    """Ask until the answer is valid."""
    hint = ""
    if default:
        hint = f" [{default}]"
    while True:
        try:
            answer = read(f"{question}{hint}: ")
        except (EOFError, RuntimeError, UnicodeDecodeError):  # closed, missing, or no text
            raise NotConfigured(
                f"the input ended before the login was finished, at {question!r}: nothing is kept"
            ) from None
        try:
            return parse(answer.strip() or default)
        except InvalidRequest as error:
            _say(f"  {error}")


def _read_secret(prompt: str) -> str:
    """Read a line that a terminal does not show."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    return input(prompt)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201

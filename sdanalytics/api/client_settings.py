"""The settings of a client, from environment variables or from a login of the config file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sdanalytics.api.auth import Credentials
from sdanalytics.api.config_file import DEFAULT_LOGIN, ConfigFile
from sdanalytics.errors import NotConfigured

_PARAMETERS: Final = (
    "profile_id",
    "region",
    "base_url",
    "token_url",
    "api",
    "history",
    "storage_hosts",
)
_CREDENTIALS: Final = ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN", "ACCESS_TOKEN")


@dataclass(frozen=True)
class ClientSettings:
    """The credentials and parameters of a client.

    Attributes
    ----------
    credentials : Credentials
    parameters : mapping of str to str
        The other parameters of `Client`, by name; what is missing has its default.
    name_parameter : callable
        How messages call a parameter where it was read.
    """

    credentials: Credentials
    parameters: Mapping[str, str]
    name_parameter: Callable[[str], str]

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> ClientSettings:
        """Read the variables ``SDANALYTICS_...``."""
        credentials = Credentials.from_env(environment)
        return cls(credentials, _read_variables(environment), _name_variable)

    @classmethod
    def from_config(cls, name: str, file: ConfigFile) -> ClientSettings:
        """Read a login of the config file."""
        login = file.read_login(name)
        client_id, client_secret = login["client_id"], login["client_secret"]
        credentials = Credentials(client_id, client_secret, login["refresh_token"])
        parameters = {}
        for key, value in login.items():
            if key in _PARAMETERS:
                parameters[key] = value
        return cls(credentials, parameters, lambda parameter: file.describe(name))

    @classmethod
    def find_default(cls, environment: Mapping[str, str]) -> ClientSettings:
        """Read the environment or, if it has no credentials, the login ``default``.

        Variables that are set replace the parameters of that login.
        """
        if uses_config_file(environment):
            login = cls.from_config(DEFAULT_LOGIN, ConfigFile.locate(environment))
            variables = _read_variables(environment)

            def name_parameter(parameter: str) -> str:
                is_variable = parameter in variables
                if is_variable:
                    return _name_variable(parameter)
                return login.name_parameter(parameter)

            return cls(login.credentials, {**login.parameters, **variables}, name_parameter)
        return cls.from_env(environment)

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of `Client`, which are not validated."""
        arguments: dict[str, Any] = dict(self.parameters)
        if "storage_hosts" in arguments:
            hosts = self.parameters["storage_hosts"].split(",")
            arguments["storage_hosts"] = [host.strip() for host in hosts if host.strip()]
        return arguments


def has_account(environment: Mapping[str, str]) -> bool:
    """Return whether there are the credentials of an account: in the environment, or kept."""
    try:
        Credentials.from_env(environment)
    except NotConfigured:
        return uses_config_file(environment)
    return True


def uses_config_file(environment: Mapping[str, str]) -> bool:
    """Return whether calls without a client use the login ``default`` of the config file."""
    if any(environment.get(f"SDANALYTICS_{name}") for name in _CREDENTIALS):
        return False
    try:
        file = ConfigFile.locate(environment)
    except NotConfigured:  # there is no home folder
        return False
    return file.has_login(DEFAULT_LOGIN)


def _read_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that variables set; an empty one sets none."""
    parameters: dict[str, str] = {}
    for parameter in _PARAMETERS:
        value = environment.get(_name_variable(parameter))
        if value:
            parameters[parameter] = value
    return parameters


def _name_variable(parameter: str) -> str:
    return f"SDANALYTICS_{parameter.upper()}"

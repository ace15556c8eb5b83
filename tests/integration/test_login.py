"""``sdanalytics login``: from the consent page to a client, against the sandbox."""

from __future__ import annotations

import html
import io
import json
import logging
import os
import re
import signal
import stat
import subprocess
import sys
import tomllib
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

import keyring
import keyring.backend
import keyring.errors
import pytest
import requests

import sdanalytics as sda
from sdanalytics import Client, cli
from sdanalytics.sandbox import ScriptedResponse
from sdanalytics.sandbox.consents import CODE_LIFETIME
from sdanalytics.sandbox.router import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from tests.support.box import Box

REDIRECT = "https://example.org/back?from=amazon"


class Typist(io.TextIOBase):
    """Standard input whose lines are texts, or made from what was printed so far."""

    def __init__(self, printed: Callable[[], str], *answers: str | Callable[[str], str]) -> None:
        self._printed = printed
        self._answers = list(answers)

    def readline(self, size: int | None = -1) -> str:  # type: ignore[override]
        if not self._answers:
            return ""
        answer = self._answers.pop(0)
        text = answer if isinstance(answer, str) else answer(self._printed())
        return f"{text}\n"


class Terminal:
    """The command line in this process: what is typed, what is printed, how it ends."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], box: Box
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.box = box
        self.config = Path(os.environ["SDANALYTICS_CONFIG"])
        self.out = self.err = ""
        monkeypatch.setattr("sdanalytics.api.config.Clock", lambda: box.clock)
        for name in ("BASE_URL", "TOKEN_URL", "CONSENT_URL"):
            monkeypatch.setenv(f"SDANALYTICS_{name}", self.variables[f"SDANALYTICS_{name}"])

    @property
    def variables(self) -> dict[str, str]:
        return self.box.sandbox.environment

    def run(self, *arguments: str, answers: list[Any]) -> int:
        """Run a command; `out` and `err` then have what it printed."""
        self.out = self.err = ""
        self._monkeypatch.setattr(sys, "stdin", Typist(self._read_output, *answers))
        code = cli.main(["login", *arguments])
        self._read_output()
        return code

    def _read_output(self) -> str:
        captured = self._capsys.readouterr()
        self.out += captured.out
        self.err += captured.err
        return self.out


def allow(printed: str, **change: str) -> str:
    """Open the consent address that was printed, answer, and return where the browser goes."""
    address = re.findall(r"^  (http\S+)$", printed, re.MULTILINE)[-1]
    page = requests.get(address, timeout=10)
    assert page.status_code == 200
    assert "Allow access?" in page.text
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    form = {name: html.unescape(value) for name, value in form.items()}
    consent_url = address.partition("?")[0]
    form |= {"answer": "allow", **change}
    sent = requests.post(consent_url, data=form, timeout=10, allow_redirects=False)
    assert sent.status_code == 302
    return sent.headers["Location"]


def code_in(address: str) -> str:
    return parse_qs(urlsplit(address).query)["code"][0]


@pytest.fixture
def terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], box: Box
) -> Terminal:
    return Terminal(monkeypatch, capsys, box)


ANSWERS = [CLIENT_ID, CLIENT_SECRET, REDIRECT, allow]
"""The answers up to the consent."""


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.passwords.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError(username)


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    memory = MemoryKeyring()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


def test_a_login_is_kept_and_used_without_any_variable(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert terminal.run(answers=[*ANSWERS, "2"]) == 0
    assert "advertising%3A%3Acampaign_management" in terminal.out
    ids = terminal.box.sandbox.profile_ids
    for number, name in enumerate(["Northwind Outdoor", "Alpenglück GmbH", "青葉商店"]):
        assert re.search(rf"{number + 1}  {ids[number]} .* {name}", terminal.out)
    for name in ("BASE_URL", "TOKEN_URL", "CONSENT_URL"):
        monkeypatch.delenv(f"SDANALYTICS_{name}")
    client = Client.from_config()
    assert client.profile_id == ids[1]
    assert client.base_url == terminal.box.sandbox.base_url
    day = terminal.box.day(1)
    frame = sda.fetch_report("campaigns", day, cache=False)  # nothing says which client
    assert frame.attrs["sdanalytics"]["currency"] == "EUR"
    assert sda.connect_or_demo().client.profile_id == ids[1]
    assert "client=" not in sda.ReportPicker(cache=False).code
    monkeypatch.setenv("SDANALYTICS_PROFILE_ID", str(ids[2]))
    frame = sda.fetch_report("campaigns", day, cache=False)
    assert frame.attrs["sdanalytics"]["currency"] == "JPY"
    assert Client.from_config().profile_id == ids[1]


@pytest.mark.skipif(os.name == "nt", reason="modes of files")
def test_only_its_owner_may_read_the_file(
    terminal: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    before = os.umask(0)
    try:
        assert terminal.run(answers=[*ANSWERS, "1"]) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(terminal.config.stat().st_mode) == 0o600
    assert list(terminal.config.parent.glob("config*")) == [terminal.config]
    Client.from_config()
    assert caplog.text == ""
    terminal.config.chmod(0o644)
    Client.from_config()
    assert f"others on this machine may read {terminal.config}" in caplog.text


def test_the_keyring_keeps_the_secrets_and_forgets_replaced_ones(
    terminal: Terminal, memory_keyring: MemoryKeyring
) -> None:
    assert terminal.run(answers=[*ANSWERS, "1"]) == 0
    assert "its secrets in the system's keyring" in terminal.out
    content = terminal.config.read_text()
    assert CLIENT_SECRET not in content
    assert REFRESH_TOKEN not in content
    assert sorted(memory_keyring.passwords.values()) == sorted([CLIENT_SECRET, REFRESH_TOKEN])
    assert len(Client.from_config().profiles()) == 3
    first = set(memory_keyring.passwords)
    assert terminal.run("--profile-id", "none", answers=ANSWERS) == 0
    assert len(memory_keyring.passwords) == 2
    assert first.isdisjoint(memory_keyring.passwords)
    assert Client.from_config().profile_id is None
    memory_keyring.passwords.clear()
    with pytest.raises(sda.NotConfigured, match="keyring has no client_secret and no refresh_tok"):
        Client.from_config()
    assert terminal.run("--no-keyring", answers=[*ANSWERS, "1"]) == 0
    assert memory_keyring.passwords == {}
    assert len(Client.from_config().profiles()) == 3


def test_a_keyring_that_cannot_be_used_is_done_without(
    terminal: Terminal, memory_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: str) -> None:
        raise keyring.errors.KeyringLocked(f"locked: {arguments}")

    monkeypatch.setattr(memory_keyring, "set_password", fail)
    assert terminal.run(answers=[*ANSWERS, "1"]) == 0
    assert "which only you may read" in terminal.out
    assert Client.from_config().profile_id == terminal.box.sandbox.profile_ids[0]
    monkeypatch.undo()
    monkeypatch.setenv("SDANALYTICS_CONFIG", str(terminal.config))
    terminal.config.write_text('[default]\nclient_id = "x"\nkeyring = "default-1"\n')
    monkeypatch.setattr(memory_keyring, "get_password", fail)
    with pytest.raises(sda.NotConfigured, match=r"cannot be read \(KeyringLocked\): unlock"):
        Client.from_config()


def test_a_keyring_package_that_is_missing_is_named(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.config.parent.mkdir(parents=True, exist_ok=True)
    terminal.config.write_text('[default]\nclient_id = "x"\nkeyring = "default-1"\n')
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(sda.MissingDependency, match="needs the package keyring"):
        Client.from_config()


def test_names_keep_logins_apart(terminal: Terminal) -> None:
    terminal.config.parent.mkdir(parents=True, exist_ok=True)
    terminal.config.write_text('[other]\nclient_id = "mine"\nstorage_hosts = ["a.org", "b.org"]\n')
    options = ["--name", "agency-eu", "--client-id", CLIENT_ID, "--redirect-uri", REDIRECT]
    assert terminal.run(*options, answers=[CLIENT_SECRET, allow, ""]) == 0
    assert terminal.run("--name", "two", *options[2:], answers=[CLIENT_SECRET, allow, "3"]) == 0
    ids = terminal.box.sandbox.profile_ids
    assert Client.from_config("agency-eu").profile_id is None
    assert Client.from_config("two").profile_id == ids[2]
    kept = tomllib.loads(terminal.config.read_text())
    assert kept["other"] == {"client_id": "mine", "storage_hosts": ["a.org", "b.org"]}
    with pytest.raises(sda.NotConfigured, match=r"no login 'default' in .* \(it has: other, agen"):
        Client.from_config()
    with pytest.raises(sda.NotConfigured, match="SDANALYTICS_CLIENT_ID"):
        sda.fetch_report("campaigns", days=1)


def test_a_wrong_answer_is_asked_again(terminal: Terminal) -> None:
    """Nothing but the right address of this login is taken; a code alone is."""

    def of_another_login(printed: str) -> str:
        return re.sub("state=[^&]*", "state=another", allow(printed))

    answers: list[Any] = ["", f"{CLIENT_ID} ", "'quoted'", CLIENT_SECRET, "amazon.com", REDIRECT]
    answers += ["https://example.org/", "short", of_another_login]
    answers += [lambda printed: code_in(allow(printed)), "9", "x", "1"]
    assert terminal.run(answers=answers) == 0
    for told in (
        "client_id must not be empty", "client_secret must be without quotes",
        "redirect_uri must be one of", "the code must be that", "got one of another",
        "must be one of the 3 profiles of this login, got 9", "must be the number of a profile",
    ):  # fmt: skip
        assert told in terminal.out
    assert Client.from_config().profile_id == terminal.box.sandbox.profile_ids[0]


def test_the_only_profile_needs_no_answer(terminal: Terminal) -> None:
    (first, *_) = requests.get(
        f"{terminal.box.sandbox.base_url}/v2/profiles?accessLevel=view",
        headers=authorization(terminal.box),
        timeout=10,
    ).json()
    listed = ScriptedResponse(200, json.dumps([first]))
    terminal.box.sandbox.script_responses("profiles", listed)
    assert terminal.run(answers=ANSWERS) == 0
    assert Client.from_config().profile_id == first["profileId"]


def authorization(box: Box) -> dict[str, str]:
    from tests.support.caller import token

    client_id = {"Amazon-Advertising-API-ClientId": CLIENT_ID}
    return {"Authorization": f"Bearer {token(box)}", **client_id}


def late(terminal: Terminal) -> Callable[[str], str]:
    def answer(printed: str) -> str:
        address = allow(printed)
        terminal.box.clock.pass_time(CODE_LIFETIME)
        return address

    return answer


@pytest.mark.parametrize(
    ("answers", "code", "message"),
    [
        ([], 2, "the input ended before the login was finished, at 'Client id'"),
        ([CLIENT_ID], 2, "at 'Client secret"),
        ([CLIENT_ID, CLIENT_SECRET, REDIRECT], 2, "at 'That address, or the code alone'"),
        (ANSWERS, 2, "at 'Profile of reports"),
        (
            [*ANSWERS[:3], lambda text: allow(text, answer="cancel")],
            2,
            "not given .Access not permitted",
        ),
        (
            [*ANSWERS[:3], "AN0123456789abcdef"],
            2,
            "invalid grant parameter : code .* A code works once",
        ),
        ([CLIENT_ID, "wrong-secret", REDIRECT, allow], 2, "invalid_client: Unknown client"),
    ],
)
def test_a_login_that_is_not_finished_keeps_nothing(
    terminal: Terminal, answers: list[Any], code: int, message: str
) -> None:
    assert terminal.run(answers=answers) == code
    assert re.search(message, terminal.err)
    assert terminal.err.count("\n") == 1
    assert not terminal.config.exists()


def test_a_code_works_once_and_for_a_while(terminal: Terminal) -> None:
    used: list[str] = []

    def keep(printed: str) -> str:
        used.append(code_in(allow(printed)))
        return used[0]

    assert terminal.run(answers=[*ANSWERS[:3], keep, "1"]) == 0
    assert terminal.run(answers=[*ANSWERS[:3], used[0]]) == 2
    assert terminal.run(answers=[*ANSWERS[:3], late(terminal)]) == 2

    def of_another_address(printed: str) -> str:
        return code_in(allow(printed, redirect_uri="https://example.org/other"))

    assert terminal.run(answers=[*ANSWERS[:3], of_another_address]) == 2
    assert "invalid grant parameter : code" in terminal.err


def test_a_lost_answer_to_a_code_is_not_asked_for_again(terminal: Terminal) -> None:
    terminal.box.sandbox.script_responses("token", ScriptedResponse(0, stage="done"))
    assert terminal.run(answers=ANSWERS) == 1
    assert terminal.box.sandbox.count("token") == 1


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["--name", "a b"], {}, "name must be letters, digits, - and _"),
        (["--region", "US"], {}, "region must be one of NA, EU, FE, got 'US'; did you mean 'NA'"),
        (["--redirect-uri", "amazon.com"], {}, "redirect_uri must be one of the application's"),
        (["--profile-id", "first"], {}, "profile_id must be the number of a profile"),
        ([], {"CONSENT_URL": ""}, "is none of Amazon's services, so its consent page is not known"),
        ([], {"TOKEN_URL": ""}, "would be sent to Amazon: set SDANALYTICS_TOKEN_URL"),
        ([], {"CONSENT_URL": "http://elsewhere.example"}, "must begin with https://"),
        ([], {"CLIENT_SECRET": "'quoted'"}, "client_secret must be without quotes"),
        ([], {"CONFIG": "/proc/no/config.toml"}, "cannot be written"),
    ],
)
def test_bad_input_is_told_before_any_request(
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variables: dict[str, str],
    message: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"SDANALYTICS_{name}", value)
    monkeypatch.setenv("SDANALYTICS_CLIENT_ID", CLIENT_ID)
    if "CLIENT_SECRET" not in variables:
        monkeypatch.setenv("SDANALYTICS_CLIENT_SECRET", CLIENT_SECRET)
    assert terminal.run(*arguments, answers=[]) == 2
    assert message in terminal.err
    assert terminal.box.sandbox.requests == []


@pytest.mark.parametrize(
    ("region", "page"),
    [
        ("NA", "https://www.amazon.com/ap/oa"),
        ("EU", "https://eu.account.amazon.com/ap/oa"),
        ("FE", "https://apac.account.amazon.com/ap/oa"),
    ],
)
def test_each_region_has_its_consent_page(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, region: str, page: str
) -> None:
    for name in ("BASE_URL", "TOKEN_URL", "CONSENT_URL"):
        monkeypatch.delenv(f"SDANALYTICS_{name}")
    assert terminal.run(answers=[region.lower(), CLIENT_ID, CLIENT_SECRET, ""]) == 2
    (address,) = re.findall(r"^  (https://\S+)$", terminal.out, re.MULTILINE)
    assert address.partition("?")[0] == page
    state = parse_qs(urlsplit(address).query).pop("state")[0]
    assert parse_qs(urlsplit(address).query) == {
        "client_id": [CLIENT_ID], "scope": ["advertising::campaign_management"],
        "response_type": ["code"], "redirect_uri": ["https://amazon.com"], "state": [state],
    }  # fmt: skip


def test_no_secret_is_printed_logged_or_in_an_error(
    terminal: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    codes: list[str] = []

    def remember(printed: str) -> str:
        codes.append(code_in(allow(printed)))
        return codes[-1]

    assert terminal.run(answers=[*ANSWERS[:3], remember, "1"]) == 0
    shown = terminal.out + terminal.err
    echo = f'{{"error": "bad", "error_description": "{CLIENT_SECRET} {{code}} {REFRESH_TOKEN}"}}'

    def refused(printed: str) -> str:
        code = remember(printed)
        text = echo.replace("{code}", code)
        terminal.box.sandbox.script_responses("token", ScriptedResponse(400, text))
        return code

    assert terminal.run(answers=[*ANSWERS[:3], refused]) == 2
    assert terminal.err.count("[removed]") == 3
    shown += terminal.out + terminal.err + caplog.text
    shown += repr(Client.from_config()) + "".join(repr(record.args) for record in caplog.records)
    for secret in (CLIENT_SECRET, REFRESH_TOKEN, "Atza|", *codes):
        assert secret not in shown


def test_the_errors_of_a_kept_login_show_no_secret(terminal: Terminal) -> None:
    terminal.config.parent.mkdir(parents=True, exist_ok=True)
    beginning = f'[default]\nclient_id = "{CLIENT_ID}"\nclient_secret = "{CLIENT_SECRET}"\n'
    for rest, message in {
        "": "has no refresh_token: log in again with `sdanalytics login --name default`",
        f'refresh_token = "{REFRESH_TOKEN}': "cannot be read .it is not TOML.: mend it",
        f'refresh_token = "{REFRESH_TOKEN}"\nregoin = "NA"': "got 'regoin'; did you mean 'region'",
        f'refresh_token = "{REFRESH_TOKEN}"\nregion = "US"': "the login .default. of .*: region mu",
        f'refresh_token = "{REFRESH_TOKEN}"\n[default.x]\ny = 1': "nothing but logins",
        f"refresh_token = \"'{REFRESH_TOKEN}'\"": "refresh_token must be without quotes",
    }.items():
        terminal.config.write_text(beginning + rest)
        with pytest.raises(sda.SDAnalyticsError, match=message) as caught:
            Client.from_config()
        shown = "".join([str(caught.value), repr(vars(caught.value))])
        frames = [frame for frame, _ in traceback.walk_tb(caught.tb)][1:]
        shown += "".join(repr(frame.f_locals) for frame in frames)
        assert caught.value.__context__ is None
        for secret in (CLIENT_SECRET, REFRESH_TOKEN):
            assert secret not in shown
    with pytest.raises(sda.InvalidRequest, match="name must be letters"):
        Client.from_config("a b")


@pytest.mark.off_contract
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"client_id": "amzn1.application-oa2-client.other"}, "client_id must be"),
        ({"scope": "profile"}, "scope must be advertising::campaign_management"),
        ({"response_type": "token"}, "response_type must be code"),
        ({"redirect_uri": "javascript:alert(1)"}, "redirect_uri must be"),
        ({"redirect_uri": "<script>"}, "&lt;script&gt;"),
    ],
)
def test_the_sandbox_refuses_consent_to_a_wrong_request(
    box: Box, change: dict[str, str], fault: str
) -> None:
    query = {
        "client_id": CLIENT_ID, "scope": "advertising::campaign_management",
        "response_type": "code", "redirect_uri": REDIRECT, "state": '"><script>',
    }  # fmt: skip
    page = requests.get(box.sandbox.consent_url, params=query, timeout=10)
    assert page.status_code == 200
    assert "<script>" not in page.text
    pages = [
        requests.get(box.sandbox.consent_url, params=query | change, timeout=10),
        requests.post(
            box.sandbox.consent_url, data=query | change, timeout=10, allow_redirects=False
        ),
    ]
    for page in pages:
        assert page.status_code == 400
        assert fault in page.text
        assert "<script>" not in page.text


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_in_a_process_of_its_own_it_ends_without_a_terminal_and_by_ctrl_c(
    terminal: Terminal,
) -> None:
    environment = {**os.environ, "SDANALYTICS_CLIENT_ID": CLIENT_ID}
    command = [sys.executable, "-m", "sdanalytics", "login"]
    ended = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("sdanalytics: the input ended before the login was finished")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        read_until(process.stdout, "Client secret")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors == ""
    assert not terminal.config.exists()


def read_until(stream: IO[str], text: str) -> None:
    seen = ""
    while text not in seen:
        character = stream.read(1)
        assert character, seen
        seen += character

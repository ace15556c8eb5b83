"""The command line: what it explains, and its errors."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path

import pytest

from sdanalytics import cli
from sdanalytics.cli.sandbox_command import format_variables
from sdanalytics.demo.account import describe_account

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "login", "profiles", "plan", "fetch", "export", "coverage", "pending", "verify", "repair",
    "compact", "demo", "sandbox", "lab",
)  # fmt: skip
DOCUMENTS = [
    "README.md", "docs/guide/command-line.md", "docs/guide/excel-and-reports.md",
    "docs/guide/sandbox.md", "docs/schedules/crontab",
    "docs/schedules/github-actions.yml", "docs/schedules/sdanalytics-fetch.service",
]  # fmt: skip


def test_lab_names_missing_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.main(["lab"]) == 2
    assert "the command lab needs the package jupyterlab" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert cli.main(["lab", "no-such-folder"]) == 2
    assert "must be a folder below the current one, got no-such-folder" in capsys.readouterr().err


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    shown = capsys.readouterr().out
    for command in COMMANDS:
        assert f"\n    {command} " in shown
    assert "Exit codes: 0 all there" in " ".join(shown.split())


def test_names_are_printed_where_the_output_cannot_have_their_letters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed = io.BytesIO()
    output = io.TextIOWrapper(printed, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    names = "青葉商店, Alpenglück"
    monkeypatch.setattr("sdanalytics.demo.command.run_demo", lambda *_: print(names))  # noqa: T201
    assert cli.main(["demo"]) == 0
    output.flush()
    assert printed.getvalue().split() == [b"????,", b"Alpengl?ck"]


ACCOUNT = {
    "SDANALYTICS_CLIENT_ID": "id", "SDANALYTICS_CLIENT_SECRET": "secret",
    "SDANALYTICS_REFRESH_TOKEN": "token",
}  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "account"),
    [
        ({}, None),
        ({"SDANALYTICS_REGION": "EU", "SDANALYTICS_CACHE_DIR": "x"}, None),
        ({"SDANALYTICS_PROFILE_ID": "12", "SDANALYTICS_CLIENT_ID": "id"}, None),
        (
            ACCOUNT | {"SDANALYTICS_PROFILE_ID": "12", "SDANALYTICS_REGION": "EU"},
            "your account: profile 12 of EU",
        ),
        (ACCOUNT, "your account in NA"),
    ],
)
def test_credentials_decide_which_account_lab_uses(
    variables: dict[str, str], account: str | None
) -> None:
    described = describe_account(variables)
    assert described == account


@pytest.mark.parametrize("command", ["demo", "sandbox", "lab"])
def test_help_says_the_unit_and_default_of_the_delay(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "--delay SECONDS" in shown
    assert "(default: 2.0)" in shown


def test_variables_are_quoted_for_the_shell_of_the_system() -> None:
    variables = {"SDANALYTICS_CACHE_DIR": "it's here"}
    posix = format_variables(variables, for_windows=False)
    windows = format_variables(variables, for_windows=True)
    assert posix == ["export SDANALYTICS_CACHE_DIR='it'\"'\"'s here'"]
    assert windows == ["$env:SDANALYTICS_CACHE_DIR = 'it''s here'"]


def parse_lines(text: str) -> int:
    """Parse all command lines in a text; return how many there are."""
    lines = re.findall(r"^[^#`\n]*?\bsdanalytics ([a-z]+\b.*)$", text, re.MULTILINE)
    for line in lines:
        for command in line.split("&& sdanalytics "):
            words = shlex.split(command.rstrip(), comments=True)
            options = cli.build_parser().parse_args(words)
            assert callable(options.run)
    return len(lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_in_the_help_of_commands_are_right(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    shown = capsys.readouterr().out
    _, _, examples = shown.partition("examples:\n")
    count = examples.count("\n")
    assert parse_lines(examples) == count
    assert count > 0 or command in ("demo", "sandbox", "lab")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_name_commands_that_exist(name: str) -> None:
    text = ROOT.joinpath(name).read_text(encoding="utf-8")
    if name.endswith(".md"):
        blocks = re.findall(r"^```([^\n]*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        text = "\n".join(block for language, block in blocks if language in ("sh", ""))
    assert parse_lines(text) > 0

"""Secrets are removed from texts, and objects that hold them show and copy none."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from sdanalytics import Client, Credentials
from sdanalytics._core.deadline import Deadline
from sdanalytics._core.redact import redact, remember_token
from sdanalytics.api.client import open_session


def test_texts_are_redacted() -> None:
    text = (
        "Bearer abc.def Atza|x-1 Atzr|y https://s3/a?X-Amz-Signature=1&b=2 hush amzn1.oa2-cs.v1.q"
    )
    clean = redact(text, ["hush", None, ""])
    for word in ("abc.def", "Atza", "Atzr", "Signature", "hush", "oa2-cs"):
        assert word not in clean
    assert "https://s3/a?" in clean
    assert "pw" not in redact("https://user:pw@host/path")
    assert "q%2Fz" not in redact("client_secret=q%2Fz&x=1", ["q/z"])
    for name in ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-Security-Token"):
        assert "value" not in redact(f"{name}=value")


def test_credentials_show_nothing_when_formatted() -> None:
    credentials = Credentials("id", "hush-secret", "Atzr|hush")
    client = Client(credentials, 1)
    shown = f"{credentials!r} {credentials} {client!r} {client} {[client]}"
    session = open_session(client, Deadline(client.clock, 1))
    shown += f"{vars(client)} {vars(session)} {session} {session.config}"
    assert "hush" not in shown
    for make in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="pickle"):
            make(session)


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, pickle.dumps])
def test_secrets_are_not_pickled(make: Any) -> None:
    credentials = Credentials("id", "secret-of-client", "Atzr|secret")
    with pytest.raises(TypeError, match="from_env"):
        make(credentials)
    if make is not copy.copy:  # copying a client makes that of another profile
        with pytest.raises(TypeError, match="from_env"):
            make(Client(credentials, 1))


def test_tokens_that_look_like_none_are_remembered() -> None:
    token = "opaque-token-of-a-gateway-0123456789"
    assert redact(f"it was {token}") == f"it was {token}"
    remember_token(token)
    remember_token("word")
    assert redact(f"a word: {token}") == "a word: [removed]"

"""Whether requests and answers are as the service is described.

``tests/openapi/v2.yaml`` and ``v3.yaml`` describe both versions of it; openapi-core compares.
"""

from __future__ import annotations

import json
import re
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

import requests

from sdanalytics.sandbox import Sandbox
from sdanalytics.sandbox.scripting import RecordedRequest

if TYPE_CHECKING:
    from jsonschema_path import SchemaPath
    from openapi_core import OpenAPI

FILES: Final = [Path(__file__).parent / "openapi" / name for name in ("v2.yaml", "v3.yaml")]
CREATE_TYPE: Final = "application/vnd.createasyncreportrequest.v3+json"
_HOST: Final = "https://advertising-api.amazon.com"
_METHODS: Final = ("get", "post", "put", "delete")
# What tells one request from another of the same shape.
_OWN: Final = re.compile(
    r"(?:\d+\.)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<=Atza\|)[\w-]+"
)


@dataclass(frozen=True)
class Operation:
    """An operation as it is described: in which of the files, and what its query may name."""

    description: OpenAPI
    method: str
    path: str
    query: frozenset[str]


@cache
def operations() -> dict[str, Operation]:
    """All operations by their ids, which are the sandbox's names of them."""
    from openapi_core import Config, OpenAPI  # takes a second to import

    found = {}
    for file in FILES:
        config = Config(extra_media_type_deserializers={CREATE_TYPE: json.loads})
        description = OpenAPI.from_file_path(str(file), config)
        for path, item in (description.spec / "paths").items():
            for method in (each for each in _METHODS if each in item):
                own = item / method
                name = (own / "operationId").read_str()
                found[name] = Operation(description, method, str(path), _query(own))
    return found


def _query(operation: SchemaPath) -> frozenset[str]:
    """The names that an operation's query may have."""
    described = list(operation / "parameters") if "parameters" in operation else []
    return frozenset(
        (each / "name").read_str() for each in described if (each / "in").read_str() == "query"
    )


class RequestWatcher:
    """What every sandbox received that was made while it looks, each exchange once."""

    def __init__(self) -> None:
        # Those of a test are held until they have been looked at, all others by their owners.
        self._new: list[Sandbox] = []
        self._seen: weakref.WeakKeyDictionary[Sandbox, int] = weakref.WeakKeyDictionary()

    def add(self, sandbox: Sandbox) -> None:
        """Look at what this one receives."""
        self._new.append(sandbox)
        self._seen[sandbox] = 0

    def new_requests(self) -> list[RecordedRequest]:
        """What came since the last look."""
        came = []
        for sandbox, seen in list(self._seen.items()):
            log = sandbox.requests
            came += log[seen:]
            self._seen[sandbox] = len(log)
        self._new.clear()
        return came


_Shape = tuple[str, str, str, str, tuple[tuple[str, str], ...], bytes]
_allowed: set[_Shape] = set()


def contract_errors(exchanges: Iterable[RecordedRequest]) -> list[str]:
    """What is not as described in what was sent; what has been found good is not compared again.

    Of what nobody read there is nothing to compare.
    """
    shapes = {_shape(exchange): exchange for exchange in exchanges if exchange.headers}
    found = {shape: _errors(shapes[shape]) for shape in shapes.keys() - _allowed}
    _allowed.update(shape for shape, errors in found.items() if not errors)
    return [f"{method} {path}: {e}" for (_, method, path, *_), es in found.items() for e in es]


def response_errors(operation: str, answer: requests.Response) -> list[str]:
    """What is not as described in what the service answered."""
    from openapi_core.testing import MockRequest, MockResponse

    method, path = answer.request.method or "", urlsplit(answer.url).path
    response = MockResponse(
        answer.content,
        answer.status_code,
        dict(answer.headers),
        answer.headers.get("Content-Type", ""),
    )
    errors = operations()[operation].description.iter_response_errors(
        MockRequest(_HOST, method, path), response
    )
    return [_words(error) for error in errors]


def _shape(exchange: RecordedRequest) -> _Shape:
    own = {name.lower(): value for name, value in exchange.headers.items()}
    headers = tuple(
        (name, _OWN.sub("*", own[name]))
        for name in sorted(own)
        if name in ("authorization", "content-type") or name.startswith("amazon-")
    )
    path = _OWN.sub("*", exchange.path)
    return exchange.operation, exchange.method, path, exchange.query, headers, exchange.body


def _errors(exchange: RecordedRequest) -> list[str]:
    if exchange.operation == "storage":
        return list(_storage_errors(exchange))
    operation = operations().get(exchange.operation)
    if operation is None:
        return ["there is no such operation"]
    from openapi_core.testing import MockRequest

    query = dict(parse_qsl(exchange.query, keep_blank_values=True))
    request = MockRequest(
        _HOST,
        exchange.method,
        exchange.path,
        args=query,
        headers=exchange.headers,
        data=exchange.body,
        content_type=exchange.headers.get("Content-Type", ""),
    )
    # openapi-core passes over parameters that are not described.
    surplus = [f"there is no parameter {name!r}" for name in sorted(set(query) - operation.query)]
    return surplus + [_words(e) for e in operation.description.iter_request_errors(request)]


def _words(error: BaseException) -> str:
    """What an error says, and its causes where it does not repeat them."""
    cause = _words(error.__cause__) if error.__cause__ else ""
    return str(error) if cause in str(error) else f"{error}: {cause}"


def _storage_errors(exchange: RecordedRequest) -> Iterator[str]:
    """Storage is no part of the API: it is shown its address, and nothing else."""
    if exchange.method != "GET" or exchange.body:
        yield "storage is only read"
    for name in exchange.headers:
        if name.lower() == "authorization" or name.lower().startswith("amazon-"):
            yield f"storage is shown {name}"

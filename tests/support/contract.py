"""Check requests and responses against the descriptions of the service.

``tests/support/openapi/v1.yaml``, ``v2.yaml`` and ``v3.yaml`` describe the API versions;
openapi-core compares.
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

FILES: Final = [Path(__file__).parent / f"openapi/{name}.yaml" for name in ("v1", "v2", "v3")]
CREATE_TYPE: Final = "application/vnd.createasyncreportrequest.v3+json"
_V3_TYPES: Final = (
    CREATE_TYPE,
    *[f"application/vnd.{word}asyncreportresponse.v3+json" for word in ("create", "get", "delete")],
)
_HOST: Final = "https://advertising-api.amazon.com"
_METHODS: Final = ("get", "post", "put", "delete")
# Values that differ between requests of the same shape.
_UNIQUE_PARTS: Final = re.compile(
    r"(?:\d+\.)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<=Atza\|)[\w-]+"
)


@dataclass(frozen=True)
class Operation:
    """A described operation: its description, and the names that its query may have."""

    description: OpenAPI
    method: str
    path: str
    query: frozenset[str]


@cache
def operations() -> dict[str, Operation]:
    """Return all operations by their ids, which are also the sandbox's names."""
    from openapi_core import Config, OpenAPI  # takes a second to import

    found = {}
    for file in FILES:
        config = Config(extra_media_type_deserializers=dict.fromkeys(_V3_TYPES, json.loads))
        description = OpenAPI.from_file_path(str(file), config)
        for path, item in (description.spec / "paths").items():
            for method in (verb for verb in _METHODS if verb in item):
                own = item / method
                name = (own / "operationId").read_str()
                found[name] = Operation(description, method, str(path), _query(own))
    return found


def _query(operation: SchemaPath) -> frozenset[str]:
    """Return the names that an operation's query may have."""
    described = list(operation / "parameters") if "parameters" in operation else []
    return frozenset(
        (parameter / "name").read_str()
        for parameter in described
        if (parameter / "in").read_str() == "query"
    )


class RequestWatcher:
    """Collects the requests that watched sandboxes receive, each exchange once."""

    def __init__(self) -> None:
        # New sandboxes are kept alive until they have been read; older ones are not.
        self._new: list[Sandbox] = []
        self._seen: weakref.WeakKeyDictionary[Sandbox, int] = weakref.WeakKeyDictionary()

    def add(self, sandbox: Sandbox) -> None:
        """Watch a sandbox."""
        self._new.append(sandbox)
        self._seen[sandbox] = 0

    def new_requests(self) -> list[RecordedRequest]:
        """Return the requests since the last call."""
        new_ones = []
        for sandbox, seen in list(self._seen.items()):
            log = sandbox.requests
            new_ones += log[seen:]
            self._seen[sandbox] = len(log)
        self._new.clear()
        return new_ones


_Shape = tuple[str, str, str, str, tuple[tuple[str, str], ...], str]
_allowed: set[_Shape] = set()


def contract_errors(exchanges: Iterable[RecordedRequest]) -> list[str]:
    """Return the differences of requests from the description.

    Requests of a shape that was found valid are not compared again. Requests that the sandbox
    did not read are passed over.
    """
    shapes = {_shape(exchange): exchange for exchange in exchanges if exchange.headers}
    found = {shape: _errors(shapes[shape]) for shape in shapes.keys() - _allowed}
    _allowed.update(shape for shape, errors in found.items() if not errors)
    return [
        f"{method} {path}: {e}" for (_, method, path, *_), errors in found.items() for e in errors
    ]


def response_errors(operation: str, response: requests.Response) -> list[str]:
    """Return the differences of a response from the description."""
    from openapi_core.testing import MockRequest, MockResponse

    method, path = response.request.method or "", urlsplit(response.url).path
    mock_response = MockResponse(
        response.content,
        response.status_code,
        dict(response.headers),
        response.headers.get("Content-Type", ""),
    )
    errors = operations()[operation].description.iter_response_errors(
        MockRequest(_HOST, method, path), mock_response
    )
    return [_describe(error) for error in errors]


def _shape(exchange: RecordedRequest) -> _Shape:
    headers_by_name = {name.lower(): value for name, value in exchange.headers.items()}
    headers = tuple(
        (name, _UNIQUE_PARTS.sub("*", headers_by_name[name]))
        for name in sorted(headers_by_name)
        if name in ("authorization", "content-type") or name.startswith("amazon-")
    )
    path = _UNIQUE_PARTS.sub("*", exchange.path)
    body = _UNIQUE_PARTS.sub("*", exchange.body.decode("latin-1"))
    return exchange.operation, exchange.method, path, exchange.query, headers, body


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
    return surplus + [_describe(e) for e in operation.description.iter_request_errors(request)]


def _describe(error: BaseException) -> str:
    """Return the message of an error, and those of its causes unless repeated."""
    cause = _describe(error.__cause__) if error.__cause__ else ""
    return str(error) if cause in str(error) else f"{error}: {cause}"


def _storage_errors(exchange: RecordedRequest) -> Iterator[str]:
    """Yield the errors of a request to storage, which must receive only the address."""
    if exchange.method != "GET" or exchange.body:
        yield "storage is only read"
    for name in exchange.headers:
        if name.lower() == "authorization" or name.lower().startswith("amazon-"):
            yield f"storage is shown {name}"

"""Find the operation that a request is for, and how its response is scripted."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Final, NamedTuple

from werkzeug.exceptions import HTTPException
from werkzeug.http import http_date
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sdanalytics.api.auth import Credentials
from sdanalytics.sandbox.access import AccessControl
from sdanalytics.sandbox.listings import ListOperations
from sdanalytics.sandbox.report_store import ReportStore
from sdanalytics.sandbox.responses import ApiErrorResponse
from sdanalytics.sandbox.scripting import DEFAULT, RecordedRequest, ScriptedResponse
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.v1 import OperationsV1
from sdanalytics.sandbox.v1_accounts import AccountList
from sdanalytics.sandbox.v2 import OperationsV2
from sdanalytics.sandbox.v3 import OperationsV3

CLIENT_ID: Final = "amzn1.application-oa2-client.sandbox"
CLIENT_SECRET: Final = "amzn1.oa2-cs.v1.sandbox-client-secret"  # noqa: S105
REFRESH_TOKEN: Final = "Atzr|sandbox-refresh-token"  # noqa: S105

_Handler = Callable[[Request], Response]


class _Operation(NamedTuple):
    """An operation of the service; the name of one that does not exist is empty."""

    name: str
    handler: Callable[..., Response]


class Router:
    """The operations of all versions and of storage, with recorded requests and scripts.

    Attributes
    ----------
    requests : list of RecordedRequest
    scripts : dict of str to deque of ScriptedResponse
        By the name of the operation.
    access : AccessControl
    store : ReportStore
    api_routes, storage_routes : werkzeug.routing.Map
        The operations of each listener.
    """

    def __init__(self, settings: Settings) -> None:
        self.requests: list[RecordedRequest] = []
        self.scripts: dict[str, deque[ScriptedResponse]] = {}
        client = Credentials(CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN)
        access = AccessControl(settings, client)
        store = ReportStore(settings)
        listings = ListOperations(settings, access)
        accounts = AccountList(settings, access)
        v1 = OperationsV1(settings, access, store)
        v2 = OperationsV2(settings, access, store)
        v3 = OperationsV3(settings, access, store)
        self.access = access
        self.store = store
        self._v2 = v2
        self._settings = settings
        self._lock = Lock()
        shared_rules = [
            _rule("POST", "/auth/o2/token", "token", access.issue_token),
            _rule("GET", "/ap/oa", "consent", access.consents.show_page),
            _rule("POST", "/ap/oa", "answer_consent", access.consents.redirect),
            _rule("GET", "/v2/profiles", "profiles", listings.list_profiles),
            _rule("GET", "/sd/campaigns", "campaigns", listings.list_campaigns),
        ]
        v1_rules = _v1_rules(v1, accounts)
        v2_rules = _v2_rules(v2)
        v3_rules = _v3_rules(v3)
        self.api_routes = Map([*shared_rules, *v1_rules, *v2_rules, *v3_rules])
        storage_rule = _rule("GET", "/<bucket>/<name>", "storage", store.serve_payload)
        self.storage_routes = Map([storage_rule])

    def set_urls(self, api: str, storage: str) -> None:
        """Set the base URLs of the API and of storage, which are in responses."""
        self._v2.url = api
        self.store.url = storage

    def preempt(self, routes: Map, method: str, path: str) -> ScriptedResponse | None:
        """Return the scripted response to a request that is not to be read, or None."""
        if not self.scripts:
            return None
        operation = _match(routes, method, path)
        with self._lock:
            script = self.scripts.get(operation.name)
            if not script:
                return None
            if script[0].stage != "unread":
                return None
            received_at = self._settings.monotonic()
            recorded = RecordedRequest(operation.name, method, path, 0, received_at)
            self.requests.append(recorded)
            return script.popleft()

    def handle(self, routes: Map, request: Request) -> tuple[Response | None, ScriptedResponse]:
        """Return the response to a request (None: there is none), and how it is sent."""
        operation = _match(routes, request.method, request.path)
        body = request.get_data()  # reading the form would consume it
        scripted = self._next_scripted(operation.name)
        response = _respond(operation.handler, request, scripted)
        if response is not None:
            response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
            response.headers["Date"] = http_date(self._settings.now())
            response.headers.update(scripted.headers)
        recorded = RecordedRequest(
            operation.name,
            request.method,
            request.path,
            status=0 if response is None else response.status_code,
            at=self._settings.monotonic(),
            query=request.query_string.decode("latin-1"),
            headers=dict(request.headers),
            body=body,
        )
        self.requests.append(recorded)
        return response, scripted

    def _next_scripted(self, operation: str) -> ScriptedResponse:
        with self._lock:
            script = self.scripts.get(operation)
            if script:
                return script.popleft()
            return DEFAULT


def _v1_rules(v1: OperationsV1, accounts: AccountList) -> list[Rule]:
    operations = {
        "query/advertiserAccounts": ("query_accounts", accounts.query_accounts),
        "create/reports": ("create_v1_report", v1.create_report),
        "retrieve/reports": ("retrieve_v1_report", v1.retrieve_report),
        "delete/reports": ("delete_v1_report", v1.delete_report),
    }
    rules = []
    for path, (name, handler) in operations.items():
        rules.append(_rule("POST", f"/adsApi/v1/{path}", name, handler))
    return rules


def _v2_rules(v2: OperationsV2) -> list[Rule]:
    create_path = "/sd/<record_type>/report"
    report_path = "/v2/reports/<report_id>"
    download_path = f"{report_path}/download"
    return [
        _rule("POST", create_path, "request_report", v2.request_report),
        _rule("GET", report_path, "get_report_status", v2.get_report_status),
        _rule("GET", download_path, "download_report", v2.download_report),
    ]


def _v3_rules(v3: OperationsV3) -> list[Rule]:
    create_path = "/reporting/reports"
    report_path = f"{create_path}/<report_id>"
    return [
        _rule("POST", create_path, "create_report", v3.create_report),
        _rule("GET", report_path, "get_report", v3.get_report),
        _rule("DELETE", report_path, "delete_report", v3.delete_report),
    ]


def _rule(method: str, path: str, name: str, handler: Callable[..., Response]) -> Rule:
    operation = _Operation(name, handler)
    return Rule(path, endpoint=operation, methods=[method])


def _match(routes: Map, method: str, path: str) -> _Operation:
    """Return the operation with its handler bound to the path's arguments."""
    adapter = routes.bind("")
    try:
        operation, arguments = adapter.match(path, method)
    except HTTPException as error:
        status = error.code or 404
        not_found = ApiErrorResponse(status, "NOT_FOUND", error.description or "")
        return _Operation("", lambda request: not_found.response(request.path))
    handler = partial(operation.handler, **arguments)
    return _Operation(operation.name, partial(_handle_errors, handler))


def _handle_errors(handler: _Handler, request: Request) -> Response:
    try:
        return handler(request)
    except ApiErrorResponse as error:
        return error.response(request.path)


def _respond(handler: _Handler, request: Request, scripted: ScriptedResponse) -> Response | None:
    if scripted.status is None:
        return handler(request)
    if scripted.stage == "done":
        handler(request)
    if scripted.status == 0:
        return None
    return Response(scripted.body, scripted.status)

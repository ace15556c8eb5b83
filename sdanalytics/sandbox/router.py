"""What the sandbox answers: which operation a request is for, and how it goes."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Final

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sdanalytics.api.auth import Credentials
from sdanalytics.sandbox.access import AccessControl
from sdanalytics.sandbox.listings import ListOperations
from sdanalytics.sandbox.report_store import ReportStore
from sdanalytics.sandbox.responses import ApiErrorResponse
from sdanalytics.sandbox.scripting import DEFAULT, RecordedRequest, ScriptedResponse
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.v2 import OperationsV2
from sdanalytics.sandbox.v3 import OperationsV3

CLIENT_ID: Final = "amzn1.application-oa2-client.sandbox"
CLIENT_SECRET: Final = "amzn1.oa2-cs.v1.sandbox-client-secret"  # noqa: S105
REFRESH_TOKEN: Final = "Atzr|sandbox-refresh-token"  # noqa: S105

Operation = Callable[[Request], Response]


class Router:
    """The operations of both versions and of storage; what was asked, and what was arranged.

    Attributes
    ----------
    log : list of Exchange
    arranged : dict of str to deque of Answer
        By the name of the operation.
    api, s3 : werkzeug.routing.Map
        The operations of either listener.
    """

    def __init__(self, settings: Settings) -> None:
        self.log: list[RecordedRequest] = []
        self.arranged: dict[str, deque[ScriptedResponse]] = {}
        self.gate = AccessControl(settings, Credentials(CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN))
        self.depot = ReportStore(settings)
        self.v2 = OperationsV2(settings, self.gate, self.depot)
        v3, listings = (
            OperationsV3(settings, self.gate, self.depot),
            ListOperations(settings, self.gate),
        )
        self._settings = settings
        self._lock = Lock()
        self.api = Map(
            [
                _rule("POST", "/auth/o2/token", self.gate.token),
                _rule("GET", "/v2/profiles", listings.profiles),
                _rule("POST", "/sd/<record_type>/report", self.v2.request_report),
                _rule("GET", "/v2/reports/<report_id>", self.v2.get_report_status),
                _rule("GET", "/v2/reports/<report_id>/download", self.v2.download_report),
                _rule("POST", "/reporting/reports", v3.create_report),
                _rule("GET", "/reporting/reports/<report_id>", v3.get_report),
                _rule("DELETE", "/reporting/reports/<report_id>", v3.delete_report),
                _rule("GET", "/sd/campaigns", listings.campaigns),
            ]
        )
        self.s3 = Map([_rule("GET", "/<bucket>/<name>", self.depot.storage)])

    def unread(self, routes: Map, method: str, path: str) -> ScriptedResponse | None:
        """What was arranged for such a request, if nobody is to read it."""
        operation, _ = _operation(routes, method, path)
        with self._lock:
            arranged = self.arranged.get(operation)
            if not arranged or arranged[0].stage != "unread":
                return None
            self.log.append(RecordedRequest(operation, method, path, 0, self._settings.monotonic()))
            return arranged.popleft()

    def answer(self, routes: Map, request: Request) -> tuple[Response | None, ScriptedResponse]:
        """The answer to a request, None for none, and how it is to be given."""
        operation, perform = _operation(routes, request.method, request.path)
        body = request.get_data()  # once its form is read it is gone
        answer = self._next_arranged(operation)
        is_done = answer.status is None or answer.stage == "done"
        own = perform(request) if is_done else None
        response = own if answer.status is None else _arranged(answer)
        if response is not None:
            response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
            response.headers.update(answer.headers)
        self.log.append(
            RecordedRequest(
                operation,
                request.method,
                request.path,
                response.status_code if response is not None else 0,
                self._settings.monotonic(),
                request.query_string.decode("latin-1"),
                dict(request.headers),
                body,
            )
        )
        return response, answer

    def _next_arranged(self, operation: str) -> ScriptedResponse:
        with self._lock:
            arranged = self.arranged.get(operation)
            return arranged.popleft() if arranged else DEFAULT


def _rule(method: str, path: str, operation: Callable[..., Response]) -> Rule:
    return Rule(path, endpoint=operation, methods=[method])


def _operation(routes: Map, method: str, path: str) -> tuple[str, Operation]:
    """The name of what a request asks for, empty if there is no such thing; how it is done."""
    try:
        handler, arguments = routes.bind("").match(path, method)
    except HTTPException as error:
        refusal = ApiErrorResponse(error.code or 404, "NOT_FOUND", error.description or "")
        return "", lambda request: refusal.response(request.path)
    return handler.__name__, partial(_attempted, partial(handler, **arguments))


def _attempted(perform: Operation, request: Request) -> Response:
    try:
        return perform(request)
    except ApiErrorResponse as refusal:
        return refusal.response(request.path)


def _arranged(answer: ScriptedResponse) -> Response | None:
    return Response(answer.body, answer.status) if answer.status else None

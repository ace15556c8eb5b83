"""The refusals of version 1, by the codes of Amazon's guide on errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from werkzeug.wrappers import Request

from sdanalytics.sandbox.responses import ApiErrorResponse, JsonObject

MALFORMED: Final = "400000"
INCOMPATIBLE: Final = "400004"
UNKNOWN_FIELD: Final = "400005"
MISSING_COMPANION: Final = "400006"
INVALID_FORMAT: Final = "400013"
BEYOND_LOOK_BACK: Final = "400025"
INACCESSIBLE: Final = "400026"
_SEVERAL: Final = "400100"
_NO_SUCH_REPORT: Final = "404001"


class RequestProblem(NamedTuple):
    """One thing that is wrong with a request; the message begins with the code."""

    code: str
    message: str

    def to_document(self) -> JsonObject:
        """Return the problem as responses have it."""
        return {"code": self.code, "message": self.message}


class V1Refusal(ApiErrorResponse):
    """A response that refuses a request.

    Attributes
    ----------
    problems : list of RequestProblem
        All of them; the response as a whole has the code of one, or the code of several.
    """

    def __init__(self, problems: Sequence[RequestProblem]) -> None:
        self.problems = list(problems)
        code, message = self.problems[0]
        if len(self.problems) > 1:
            messages = "; ".join(problem.message for problem in self.problems)
            code, message = _SEVERAL, f"{_SEVERAL}: {messages}"
        super().__init__(int(code[:3]), code, message)


def describe_problem(code: str, text: str) -> RequestProblem:
    """Return a problem with its message as the service writes it."""
    return RequestProblem(code, f"{code}: {text}")


def malformed(text: str) -> V1Refusal:
    """Return the refusal of a request that does not have the described shape."""
    return V1Refusal([describe_problem(MALFORMED, text)])


def no_such_report(report_id: str) -> V1Refusal:
    """Return the refusal of a report id that does not exist."""
    return V1Refusal([describe_problem(_NO_SUCH_REPORT, f"report {report_id} does not exist")])


def parse_json_body(request: Request) -> JsonObject:
    """Return the object that is the body of a request."""
    if request.mimetype != "application/json":
        raise malformed("Content-Type must be application/json")
    accepted = request.headers.get("Accept")
    if accepted is not None and not request.accept_mimetypes.quality("application/json"):
        raise malformed("Accept must allow application/json")
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise malformed("the body is not an object of JSON")
    return body

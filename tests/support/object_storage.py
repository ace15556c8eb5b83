"""A bucket of moto's S3 server, on loopback."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow.fs as pafs
import requests
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from sdanalytics import ReportCache

KEY: Final = "AKIAMOTOLOOPBACK"
SECRET: Final = "a-secret-that-nobody-may-see"
LOGIN: Final = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Variables with which Arrow may use the bucket."""


@dataclass
class Bucket:
    """A bucket on a server that fails on demand.

    Attributes
    ----------
    host : str
        Its address and port.
    fails : callable or None
        Given method and path with query of a request: the status to answer with, if any.
    answers : callable or None
        Given the same once the request is processed, before its answer is sent.
    requests : list of str
        The methods and paths of all requests.
    """

    host: str
    fails: Callable[[str, str], int | None] | None = None
    answers: Callable[[str, str], object] | None = None
    requests: list[str] = field(default_factory=list)

    def url(self, prefix: str = "bucket/store") -> str:
        """Return the URL of a store."""
        return f"s3://{prefix}?region=us-east-1&scheme=http&endpoint_override={self.host}"

    def store(self) -> ReportCache:
        """Return a store in the bucket."""
        return ReportCache(self.url())

    @property
    def filesystem(self) -> pafs.FileSystem:
        """Arrow's file system for the bucket; it finds `LOGIN` in the environment."""
        return pafs.FileSystem.from_uri(self.url())[0]

    def contents(self) -> dict[str, bytes]:
        """Return all objects of the store by key."""
        selector = pafs.FileSelector("bucket/store", recursive=True, allow_not_found=True)
        infos = [info for info in self.filesystem.get_file_info(selector) if info.is_file]
        return {info.path.removeprefix("bucket/store/"): self.body(info.path) for info in infos}

    def reports(self) -> list[str]:
        """Return the keys of stored reports."""
        return sorted(key for key in self.contents() if key.startswith("reports/"))

    def body(self, path: str) -> bytes:
        """Return an object."""
        with self.filesystem.open_input_file(path) as file:
            return bytes(file.read())

    def put(self, key: str, body: bytes) -> None:
        """Put an object into the store, past it."""
        _send("PUT", f"http://{self.host}/bucket/store/{key}", body).raise_for_status()

    def unfinished_uploads(self) -> int:
        """Return how many uploads in parts were begun, and neither completed nor aborted."""
        listing = _send("GET", f"http://{self.host}/bucket?uploads").text
        return listing.count("<UploadId>")


@contextlib.contextmanager
def serve_bucket() -> Iterator[Bucket]:
    """Serve an empty bucket."""
    moto = DomainDispatcherApplication(create_backend_app)
    bucket = Bucket("")

    def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        query = f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
        request = environ["REQUEST_METHOD"], environ["PATH_INFO"] + query
        bucket.requests.append(" ".join(request))
        status = bucket.fails(*request) if bucket.fails else None
        if status:
            Request(environ).get_data()
            return Response(b"", status)(environ, start)
        answer: Iterable[bytes] = moto(environ, start)
        if bucket.answers:
            bucket.answers(*request)
        return answer

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Silent)
    bucket.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        requests.post(f"http://{bucket.host}/moto-api/reset", timeout=10).raise_for_status()
        requests.put(f"http://{bucket.host}/bucket", timeout=10).raise_for_status()
        yield bucket
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _send(method: str, url: str, body: bytes = b"") -> requests.Response:
    login = f"AWS4-HMAC-SHA256 Credential={KEY}/20261120/us-east-1/s3/aws4_request"
    headers = {"Authorization": login}
    return requests.request(method, url, data=body, headers=headers, timeout=10)


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass

"""Where payloads may come from."""

from __future__ import annotations

import pytest

from sdanalytics.api.download_hosts import rejection_reason

AMAZON = "https://advertising-api.amazon.com"
HERE = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "host",
    [
        "s3.amazonaws.com", "bucket.s3.amazonaws.com", "bucket.s3.us-east-1.amazonaws.com",
        "s3.eu-west-1.amazonaws.com", "s3-us-west-2.amazonaws.com",
        "a.b.c.s3-us-west-2.amazonaws.com", "bucket.s3.dualstack.us-east-1.amazonaws.com",
        "bucket.s3-accelerate.amazonaws.com", "bucket.s3.cn-north-1.amazonaws.com.cn",
        "point-123.s3-accesspoint.us-east-1.amazonaws.com", "S3.AMAZONAWS.COM",
    ],
)  # fmt: skip
def test_payloads_come_from_s3(host: str) -> None:
    assert rejection_reason(f"https://{host}/key?X-Amz-Signature=x", AMAZON, ()) is None


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.org/s3.amazonaws.com", "https://s3.amazonaws.com.evil.org/x",
        "https://evils3.amazonaws.com/x", "https://ec2-1-2-3-4.compute-1.amazonaws.com/x",
        "https://user:pw@s3.amazonaws.com/x", "https://s3.amazonaws.com@evil.org/x",
        "http://bucket.s3.amazonaws.com/x", "ftp://s3.amazonaws.com/x", "file:///etc/passwd",
        "https://127.0.0.1/x", "http://localhost/x", "https://[::1]/x", "https://169.254.169.254/x",
        "", "/v2/elsewhere", "https://", "https://[bad", "https://s3.amazonaws.com:x/",
        "https://s3.amazonaws.com\\@evil.org/", "https://evil.org#s3.amazonaws.com",
    ],
)  # fmt: skip
def test_payloads_from_other_hosts_are_rejected(link: str) -> None:
    reason = rejection_reason(link, AMAZON, ())
    assert reason is not None
    assert "X-Amz" not in reason


def test_payloads_may_come_from_the_service_and_allowed_hosts() -> None:
    own = "https://ads.example.org"
    assert rejection_reason("https://ads.example.org/files/1", own, ()) is None
    assert (
        rejection_reason("http://ads.example.org/files/1", "http://ads.example.org", ()) is not None
    )
    assert rejection_reason("https://files.example.org/1", own, ()) is not None
    assert rejection_reason("https://files.example.org/1", own, ("files.example.org",)) is None
    assert (
        rejection_reason("https://a.files.example.org/1", own, ("files.example.org",)) is not None
    )
    assert rejection_reason("https://a.files.example.org/1", own, (".files.example.org",)) is None
    assert rejection_reason("http://files.example.org/1", own, ("files.example.org",)) is not None
    assert rejection_reason("http://localhost:9000/1", HERE, ()) is None

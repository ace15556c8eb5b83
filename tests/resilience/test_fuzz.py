"""Thousands of malformed payloads and responses: valid ones are accepted, others refused."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdanalytics.parsing import payload
from tests.resilience import fuzzing
from tests.resilience.fuzzing import Failure, PayloadCase, Refused, StatusCase, Wire, judge_payload

COLUMNS = ("campaignId", "clicks", "cost", "vtr", "campaignName", "costType")
ODD = [odd for kind in fuzzing.ODD_VALUES for odd in kind]
LEVELS = ("valid", "values", "text")


@pytest.fixture(scope="module")
def server() -> Iterator[Wire]:
    with Wire() as wire:
        yield wire


def packed(text: str) -> bytes:
    return gzip.compress(text.encode("utf-8", "surrogatepass"), 1)


def judge_text(text: str, block: int) -> bool:
    return judge_payload(PayloadCase("text", packed(text), COLUMNS, block))


def judge_body(server: Wire, body: str) -> bool:
    text = body.encode("utf-8", "surrogatepass")
    return server.judge(StatusCase("text", fuzzing.wire(text), 200, "", text))


# -- thousands of cases --------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "first"), [("payload", 0), ("status", 1)])
def test_valid_cases_are_accepted_and_others_refused(kind: str, first: int) -> None:
    outcome = fuzzing.run(range(first, 3000, 2), seed=20)
    assert not outcome.failures, outcome
    levels = ("members", "bytes") if kind == "payload" else ("headers", "wire")
    for level in (*LEVELS, *levels):
        assert outcome.accepted[f"{kind} {level}"] > 5
        assert outcome.refused[f"{kind} {level}"] > 20 or level == "valid"
    assert outcome.accepted.total() + outcome.refused.total() == 1500


# -- payloads ------------------------------------------------------------------------------


@pytest.mark.parametrize("column", [*COLUMNS, "new"])
def test_odd_values_of_each_kind_of_column(column: str) -> None:
    for odd in ODD:
        for block in (32, payload.BLOCK_SIZE):
            judge_text(f'[{{"clicks":1}},{{"{column}":{odd},"cost":2}},{{"clicks":3}}]', block)


AWKWARD = r"""[ {"new" :[{"a":"},{\"" },{ "b":[ {} , {"c":"\\"}]}], "campaignName":"é},{\"☃\\" },
{},{ "campaignId": "7","costType":"\\\"{[" } ,{"":1,",":{}} , {"clicks":3} ]  """


def test_a_block_may_end_anywhere() -> None:
    for block in range(1, len(AWKWARD.encode()) + 2):
        assert judge_text(AWKWARD, block)


def test_truncated_text_is_refused_wherever_it_is_cut() -> None:
    for end in range(len(AWKWARD.rstrip())):
        assert not judge_text(AWKWARD[:end], 16)


@pytest.mark.parametrize("odd", ["\f", "\v", "\u00a0", "\0", ",", "{}", "\ufeff", "]", "x"])
def test_other_characters_between_rows_are_refused(odd: str) -> None:
    row = '{"clicks":1}'
    for text in (f"[{row}{odd},{row}]", f"[{row},{odd}{row}]", f"[{{{odd}{row[1:]},{row}]"):
        for block in range(12, 40):
            assert not judge_text(text, block)


ROW_SNIPPETS = [
    *'{}[],:" \\\n',
    '{"',
    '":',
    '},{"',
    '"clicks"',
    '"cost"',
    '"new"',
    "1",
    "-2.5e3",
    "é",
]


@given(st.lists(st.sampled_from(ROW_SNIPPETS), max_size=14), st.integers(1, 30))
@settings(deadline=None, max_examples=400)
def test_any_text_within_an_array(snippets: list[str], block: int) -> None:
    judge_text(f'[{{"clicks":1}},{"".join(snippets)}]', block)
    judge_text(f'[{{"clicks":1,"new":{"".join(snippets)}}},{{"cost":2}}]', block)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 40), st.booleans())
@settings(deadline=None, max_examples=300)
def test_numbers_are_read_as_python_reads_them(value: float, digits: int, plain: bool) -> None:
    text = f"{value:.{digits}{'f' if plain else 'e'}}"
    judge_text(f'[{{"cost":{value!r}}},{{"cost":{text}}}]', payload.BLOCK_SIZE)


# -- responses -----------------------------------------------------------------------------

GOOD = {"reportId": '"r"', "status": '"SUCCESS"'}


@pytest.mark.parametrize("field", [*fuzzing.TEXTS, *fuzzing.NUMBERS, "new"])
def test_odd_values_of_each_field_of_a_response(field: str, server: Wire) -> None:
    misread = []
    for odd in ODD:
        fields = ",".join(f'"{name}":{value}' for name, value in (GOOD | {field: odd}).items())
        try:
            judge_body(server, f"{{{fields}}}")
        except Failure:
            misread.append(odd[:30])
    assert misread == []


def test_a_compressed_response_is_read_completely_or_refused(server: Wire) -> None:
    body = gzip.compress(b'{"reportId":"r","status":"SUCCESS"}')
    for behind in (b"", b"garbage", gzip.compress(b',"status":"FAILURE"}'), body[:-3], bytes(5)):
        sent = fuzzing.wire(body + behind, "Content-Encoding: gzip")
        server.judge(StatusCase("headers", sent, 200, "gzip", body + behind, flawless=not behind))


# -- the judges themselves -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("[]", []),
        ('\ufeff [{"clicks":1,"new":[{}]},{}]', [(1, None), (None, None)]),
        ('[{"clicks":1,"clicks":2,"cost":-0}]', [(2, 0.0)]),
        ('[{"clicks":1,"cost":-0.0}]', [(1, -0.0)]),
        ('[{"clicks":null,"cost":1E2}]', [(None, 100.0)]),
        ('[{"clicks":4.1E1},{"clicks":-0.0}]', [(41, None), (0, None)]),
        ('[{"clicks":1.5}]', None),
        ('[{"clicks":9007199254740992.0}]', None),
        ('[{"clicks":true}]', None),
        ('[{"cost":"1"}]', None),
        ('[{"cost":1e999}]', None),
        ('[{"new":NaN}]', None),
        (r'[{"new":["\ud83d"]}]', None),
        ("[null]", None),
        ("{}", None),
        ("[]]", None),
    ],
)
def test_the_plain_reader_reads(text: str, rows: list[Any] | None) -> None:
    data = packed(text)
    if rows is None:
        with pytest.raises(Refused):
            fuzzing.plain_rows(data, ("clicks", "cost"))
    else:
        assert repr(fuzzing.plain_rows(data, ("clicks", "cost"))) == repr(rows)


def test_the_plain_reader_misses_what_is_required() -> None:
    for text in ('[{"clicks":1},{}]', '[{"clicks":1},{"clicks":null}]'):
        with pytest.raises(Refused):
            fuzzing.plain_rows(packed(text), ("clicks",), ("clicks",))
    assert fuzzing.plain_rows(b'[{"clicks":1}]', ("clicks",), ("clicks",)) == [(1,)]


def test_the_plain_reader_unzips() -> None:
    first, two = packed("one"), packed("two")
    assert fuzzing.unzip(first + bytes(3) + packed("") + two + bytes(9)) == b"onetwo"
    for invalid in (
        b"",
        first[:-1],
        first + b"x",
        first[:-8] + bytes(4) + first[-4:],
        bytes(1) + first,
    ):
        with pytest.raises(Refused):
            fuzzing.unzip(invalid)


@pytest.mark.parametrize(
    "invalid",
    [
        pa.table({"clicks": pa.array([1, 3], pa.int64())}),
        pa.table({"clicks": pa.array([1], pa.int64())}),
        pa.table({"clicks": pa.array([1.0, 2.0])}),
        pa.table({"cost": pa.array([1, 2], pa.int64())}),
    ],
)
def test_errors_of_the_parser_are_found(invalid: pa.Table) -> None:
    case = PayloadCase("valid", packed('[{"clicks":1},{"clicks":2}]'), ("clicks",), 100)
    assert judge_payload(case)
    with mock.patch.object(payload, "read_payload", return_value=invalid), pytest.raises(Failure):
        judge_payload(case)


def test_errors_of_the_client_are_found(server: Wire) -> None:
    sent = fuzzing.wire(b'{"reportId":"r","status":"FAILURE"}')
    claimed = b'{"reportId":"r","status":"SUCCESS"}'
    with pytest.raises(Failure, match="taken as"):
        server.judge(StatusCase("valid", sent, 200, "", claimed))
    with pytest.raises(Failure, match="refused, though"):
        server.judge(StatusCase("valid", fuzzing.wire(b"{}"), 200, "", claimed))


def test_cases_are_reproducible() -> None:
    for number in range(50):
        assert fuzzing.payload_case(3, number) == fuzzing.payload_case(3, number)
        assert fuzzing.status_case(3, number) == fuzzing.status_case(3, number)
    assert fuzzing.payload_case(3, 7) != fuzzing.payload_case(4, 7)

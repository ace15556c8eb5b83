"""Payloads made to fill the memory or to keep the parser busy are refused early."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sdanalytics import CorruptReport
from sdanalytics.parsing import payload as parser
from sdanalytics.parsing import row_decoder
from sdanalytics.parsing.decompression import iter_decompressed
from sdanalytics.parsing.payload import read_payload
from sdanalytics.parsing.row_boundaries import BracketTracker

COLUMNS = ("campaignId", "campaignName", "costType", "clicks", "cost", "vtr")


def packed(text: str) -> bytes:
    return gzip.compress(text.encode(), 1)


def parsed_rows(payload: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_payload(payload, COLUMNS).to_pylist()
    return rows


BOMBS = {
    "zeros": ("[", "\0"),
    "an endless row": ('[{"x":1', ',"x":1'),
    "an endless string": ('[{"x":"', "a"),
    "an endless name": ('[{"', "a"),
    "an endless number": ('[{"cost":1', "1"),
    "white space between rows": ('[{"clicks":1},', " "),
    "white space behind the rows": ('[{"clicks":1}]', "\n"),
    "arrays in arrays": ("[", "["),
    "arrays in a row": ('[{"x":', "["),
    "objects in a row": ('[{"x":', '{"x":'),
    "rows in a row": ('[{"x":[{}', ',{"y":1}'),
    "strings in a row": ('[{"x":[""', ',""'),
    "quotes": ("[", '"'),
    "backslashes": ('[{"x":"', "\\"),
    "closing brackets": ('[{"x":"', '"]}'),
}
"""The beginning of each payload, and the text that repeats without an end."""


def bomb(begin: str, again: str, end: str = "", *, size: int = 2**32) -> bytes:
    """Return a payload that decompresses to `size` bytes, in thousands of members."""
    chunk = again * (2**21 // len(again))
    return packed(begin) + packed(chunk) * (size // len(chunk)) + packed(end)


@dataclass
class DecodingWork:
    """The work of reading payloads: bytes decompressed, and bytes scanned."""

    decompressed: int = 0
    scanned: int = 0
    longest: int = 0

    def scan(self, text: bytes) -> None:
        self.scanned += len(text)
        self.longest = max(self.longest, len(text))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> DecodingWork:
    """Count the bytes that are decompressed, and those that are searched and decoded."""
    counter = DecodingWork()

    def counted(blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            counter.decompressed += len(block)
            yield block

    def count_scanned(function: Callable[..., Any], position: int) -> Callable[..., Any]:
        def wrapper(*arguments: Any) -> Any:
            counter.scan(arguments[position])
            return function(*arguments)

        return wrapper

    monkeypatch.setattr(
        parser, "iter_decompressed", lambda *given: counted(iter_decompressed(*given))
    )
    for holder, name, position in (
        (row_decoder, "find_last_row_boundary", 0),
        (row_decoder._ArrayDecoder, "decode", 1),
        (BracketTracker, "last_row_end", 1),
    ):
        monkeypatch.setattr(holder, name, count_scanned(getattr(holder, name), position))
    return counter


def peak_memory(read: Callable[[], object]) -> int:
    """Return the peak memory of reading in bytes, without that of Arrow."""
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_is_refused_and_fills_no_memory(case: str, work: DecodingWork) -> None:
    data = bomb(*BOMBS[case])
    assert len(data) > 2_000_000

    def read() -> None:
        with pytest.raises(CorruptReport):
            parsed_rows(data)

    assert peak_memory(read) < 48 * 2**20
    assert work.decompressed < 6 * 2**20
    assert work.scanned < 5 * work.decompressed


def test_white_space_before_the_rows_fills_no_memory(work: DecodingWork) -> None:
    data = bomb(" ", " ", '[{"clicks":1}]', size=2**28)
    assert peak_memory(lambda: parsed_rows(data)) < 4 * 2**20
    assert work.scanned < 2**20


def test_empty_members_are_skipped() -> None:
    data = packed("") * 200_000 + packed('[{"clicks":1}]')
    assert peak_memory(lambda: parsed_rows(data)) < 4 * 2**20


def test_a_report_over_the_limit_is_rejected_before_decompression(
    work: DecodingWork,
) -> None:
    row = '{"clicks":1,"new":"' + 200 * "a" + '"}'
    data = bomb(f"[{row}", f",{row}", "]")
    with pytest.raises(
        CorruptReport, match=r"hold more than 20,000,000 .*largest_report"
    ) as caught:
        read_payload(data, COLUMNS, max_bytes=20_000_000)
    assert f"{len(data):,}" in str(caught.value)
    assert caught.value.row is None
    assert work.decompressed < 21_000_000


def test_tiny_rows_count_with_their_size_in_memory(work: DecodingWork) -> None:
    """Half a million empty rows are 1.5 MB of text, and 24 MB as a table of six columns."""
    data = bomb("[{}", ",{}", "]")
    with pytest.raises(CorruptReport, match="largest_report"):
        read_payload(data, COLUMNS, max_bytes=24_000_000)
    assert work.decompressed < 1_800_000


def test_a_report_at_the_limit_is_read() -> None:
    text = '[{"clicks":1},{"clicks":2}]'
    assert read_payload(packed(text), ("clicks",), max_bytes=len(text)).num_rows == 2
    with pytest.raises(CorruptReport):
        read_payload(packed(text), ("clicks",), max_bytes=len(text) - 1)


@pytest.mark.parametrize("row", ['{"news":[{"x":1},{"x":2},{"x":3}],"clicks":1}', '{",":1}', "{}"])
def test_rows_with_ambiguous_ends_are_read_by_blocks(row: str, work: DecodingWork) -> None:
    count = 1_200_000 // len(row)
    assert len(parsed_rows(packed("[" + ",".join([row] * count) + "]"))) == count
    assert work.longest < 2**19 + 100
    assert work.scanned < 3 * work.decompressed


def test_a_row_too_long_is_named() -> None:
    row = '{"new":"' + "a" * 5_000_000 + '"}'
    with pytest.raises(CorruptReport, match="row 2 is longer than 4,194,304 bytes") as caught:
        parsed_rows(packed('[{"clicks":1},{"clicks":2},' + row + "]"))
    assert (caught.value.row, caught.value.field) == (2, None)

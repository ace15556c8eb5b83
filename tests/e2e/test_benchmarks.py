"""The benchmarks run and find differences; speed is not tested here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__, parsing, payloads, results, trials
from benchmarks.results import Goal, Section


@pytest.mark.off_contract  # the notebook follows a redirect with all its headers
def test_a_single_benchmark_can_be_repeated_and_reports_differences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "WORK", tmp_path)
    monkeypatch.setattr(trials, "LONG", 0.0)
    monkeypatch.setattr(parsing, "QUICK", (40,))
    monkeypatch.setattr(parsing, "peers", list)
    folder = tmp_path / ".work" / "quick"
    before = Section("Many reports", "Measured before.", [], [Goal("wall", "1.1", "1.05", True)])
    results.save(folder / "measured", "many", before, {"processor": "another"})

    __main__.main(["parsing", "--quick"], home=tmp_path)

    page = (folder / "RESULTS.md").read_text()
    ours = next(line for line in page.splitlines() if line.startswith(f"| {parsing.OURS} "))
    naive = next(line for line in page.splitlines() if line.startswith(f"| {parsing.NOTEBOOK} "))
    assert ours.endswith("| nothing |")
    assert "targetId (float64) has other values" in naive  # one of forty is null
    assert "Measured before." in page
    assert "| wall | 1.1 | 1.05 | yes |" in page
    assert (folder / "results.png").read_bytes().startswith(b"\x89PNG")


def test_a_failing_contestant_raises_an_error_with_its_output() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)nonsense failed.*KeyError: 'payload'"):
        trials.compare([trials.Contestant("nonsense", "naive_frame")], {}, rounds=1)

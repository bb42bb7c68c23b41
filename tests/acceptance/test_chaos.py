"""A small run of `make chaos`: whatever happens, nothing is lost, doubled or left behind."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.run import run


def test_a_service_under_random_faults_is_whole_again(tmp_path: Path) -> None:
    happened: list[str] = []

    report = run(tmp_path, events=6, images=60, seed=7, say=happened.append)

    assert len(happened) == report.events == 6
    assert report.judgement.images >= 60
    assert report.judgement.is_good, report.judgement

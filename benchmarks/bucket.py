"""The same requests with the files in a bucket, on a real S3 server on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from benchmarks.measured_system import running
from benchmarks.origin import Origin
from benchmarks.report import Figure, Result
from benchmarks.setup import Setup
from tests.s3 import S3


def run(setup: Setup) -> Result:
    cases = {
        "photos": setup.album.photos(setup.number(60)),
        "thumbnails": setup.album.thumbnails(200),
    }
    numbers = {"photos": setup.number(100), "thumbnails": setup.number(1_000)}
    rates = {kind: _rates(setup, kind, images, numbers[kind]) for kind, images in cases.items()}
    return Result(
        figures=[
            Figure(
                what=f"{numbers[kind]:,} {kind} on a bucket: images/s ÷ those on local folders",
                value=median(bucket / local for local, bucket in rounds),
                at_least=0.8,
            )
            for kind, rounds in rates.items()
        ]
    )


def _rates(setup: Setup, kind: str, images: list[bytes], number: int) -> list[tuple[float, float]]:
    """Images a second on local folders and on the bucket, measured in turns."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-s3-") as folder,
        S3(Path(folder)) as s3,
        Origin(kind, images) as origin,
        running(origin) as local,
        running(origin, settings=s3.variables) as bucket,
    ):
        urls = origin.urls(number)
        return [(local.job(urls).rate, bucket.job(urls).rate) for _ in range(setup.repeats)]

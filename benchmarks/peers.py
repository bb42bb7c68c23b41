"""What the system is compared with, in the same run and on the same images."""

from __future__ import annotations

import io
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

import requests
from PIL import Image

from benchmarks.measured_system import PROCESSES, Run
from benchmarks.origin import Origin
from benchmarks.processes import cpu_seconds
from compress import compress

IMG2DATASET = "img2dataset==1.47.0"
VENV = Path(__file__).parent / ".peers" / "img2dataset"
THREADS = 16  # in each of its processes


def bare_compress(images: Sequence[bytes], number: int) -> Run:
    """Our own compression of bytes in memory, one process a core: no system can be faster."""
    global _images
    _images = images  # inherited by the processes that are forked next
    return _in_processes(_compress, [n % len(images) for n in range(number)])


_images: Sequence[bytes] = []


def _compress(index: int) -> None:
    compress(_images[index])


def bare_loop(origin: Origin, urls: Sequence[str]) -> Run:
    """What a simple script does, one process a core: download, open, ``save(quality=50)``."""
    before = cpu_seconds([origin.pid])
    with tempfile.TemporaryDirectory(prefix="bench-loop-") as folder:
        jobs = [(url, f"{folder}/{number}.jpg") for number, url in enumerate(urls)]
        run = _in_processes(_fetch_and_save, jobs)
    run.cpu["origin"] = cpu_seconds([origin.pid]) - before
    return run


def _fetch_and_save(job: tuple[str, str]) -> None:
    url, path = job
    response = _session().get(url, timeout=60)
    Image.open(io.BytesIO(response.content)).save(path, "JPEG", quality=50)


@cache
def _session() -> requests.Session:
    return requests.Session()


def _in_processes(work: Callable[[Any], None], items: Sequence[Any]) -> Run:
    before = _children_cpu()
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        started = time.monotonic()
        for _ in pool.imap_unordered(work, items):
            pass
        seconds = time.monotonic() - started
        pool.close()
        pool.join()
    return Run(images=len(items), seconds=seconds, cpu={"all": _children_cpu() - before})


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def img2dataset(urls: Sequence[str]) -> Run | None:
    """img2dataset as a user would call it for this job, without the steps that it can skip.

    Its time is from the first to the last image: imports and the start of its processes take some
    seconds more, which are not counted. Returns None when it cannot be installed.
    """
    program = _installed()
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="bench-img2dataset-") as folder:
        listed = Path(folder) / "urls.txt"
        listed.write_text("\n".join(urls))
        options = _options(listed, Path(folder) / "out", len(urls))
        subprocess.run([str(program), *options], check=True, capture_output=True)  # noqa: S603
        shards = [json.loads(path.read_text()) for path in Path(folder).glob("out/*_stats.json")]
    assert sum(shard["successes"] for shard in shards) == len(urls), "img2dataset missed images"
    first, last = min(s["start_time"] for s in shards), max(s["end_time"] for s in shards)
    return Run(images=len(urls), seconds=last - first, cpu={})


def _options(listed: Path, folder: Path, number: int) -> list[str]:
    chosen: dict[str, object] = {
        "url_list": listed,
        "output_folder": folder,
        "output_format": "files",
        "processes_count": PROCESSES,
        "number_sample_per_shard": ceil(number / PROCESSES),  # a shard is one process's
        "thread_count": THREADS,
        "resize_mode": "no",
        "encode_quality": 50,
        "timeout": 60,
        "compute_hash": None,
        "extract_exif": False,
    }
    return [f"--{name}={value}" for name, value in chosen.items()]


@cache
def _installed() -> Path | None:
    """The program in a virtualenv of its own, which the first call makes; None when that fails."""
    program = VENV / "bin" / "img2dataset"
    if not program.exists():
        print(f"Installing {IMG2DATASET} into {VENV} (once; some 800 MB)")
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "-qq", IMG2DATASET]
        try:
            subprocess.run([sys.executable, "-m", "venv", VENV], check=True)  # noqa: S603
            subprocess.run(pip, check=True)  # noqa: S603
        except subprocess.CalledProcessError as error:
            print(f"img2dataset cannot be installed here and is left out: {error}")
            return None
    return program

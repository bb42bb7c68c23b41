"""What is right and wrong with a system whose work is done: lost, doubled, left behind."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from database import Database
from tests.chaos.jobs import Job
from tests.origin import Origin
from tests.system import System
from work_queue.models import Image, Request, Webhook
from work_queue.statuses import Status

AT_WORK = (Status.PENDING, Status.PROCESSING)


def is_settled(tx: Connection) -> bool:
    """Whether nothing is left to do: no image, no request, no webhook, no removal."""
    at_work = [
        sa.exists().where(Image.status.in_(AT_WORK)),
        sa.exists().where(Request.status.in_(AT_WORK)),
        sa.exists().where(Webhook.status.in_(AT_WORK)),
        sa.exists().where(Request.is_whole == sa.false()),
    ]
    return tx.scalar(sa.select(sa.literal(1)).where(sa.or_(*at_work))) is None


@dataclass
class Judgement:
    """What was found, in sentences; all lists are empty where all is well.

    That may leave files of uploads that were cut short, which nobody got an answer to: those
    `make verify FIX=1` removes after an hour.
    """

    images: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    cut_short: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.left_behind or self.disagreements)


def judge(system: System, origin: Origin, jobs: list[Job]) -> Judgement:
    """Look at all that users see, at the files and at the rows."""
    found = Judgement()
    there = set()
    for job in jobs:
        answer = system.get(f"/status/{job.request_id}?limit=1")
        if answer.status_code == 200:
            there.add(job.request_id)
            status = system.status(job.request_id)
            found.images += len(status["images"])
            found.lost += lost_images(system, job, status)
            found.doubled += doubled_images(system, status)
        elif not job.asked_to_delete:
            found.lost.append(f"{job.request_id}: the request, {answer.status_code}")
    found.doubled += doubled_messages(origin)
    accepted = {job.request_id for job in jobs}
    for request_id, what in left_over(system, there):
        (found.left_behind if request_id in accepted else found.cut_short).append(what)
    code, said = system.verified()
    found.disagreements += said.splitlines() if code else []
    return found


def lost_images(system: System, job: Job, status: dict[str, Any]) -> Iterator[str]:
    """Images that did not end as they had to, or without their file or their URL in the CSV."""
    images, request_id = status["images"], job.request_id
    if [image["input_url"] for image in images] != job.urls:
        yield f"{request_id}: its images are not those of the upload"
    folder = system.folder / "processed" / request_id
    for image in images:
        name = (image["output_url"] or "").rpartition("/")[2]
        what = f"{request_id}: {image['input_url']} is {image['status']} {image['error'] or ''}"
        if not ended_well(job, image):
            yield what
        elif name and (folder / name).stat().st_size != image["output_bytes"]:
            yield f"{what}, its file has other bytes"
    rows = system.output_rows(request_id)
    written = [url for row in rows for url in row["Output Image Urls"].split(",")]
    if written != [image["output_url"] or "" for image in images]:
        yield f"{request_id}: the output CSV has other URLs"


def ended_well(job: Job, image: dict[str, Any]) -> bool:
    code = (image["error"] or {}).get("code")
    was_cancelled = job.asked_to_cancel and code == "cancelled"
    if image["input_url"] in job.dead:
        return was_cancelled or code == "http_404"
    return was_cancelled or image["status"] == "Completed"


def doubled_images(system: System, status: dict[str, Any]) -> Iterator[str]:
    """Images with two files, and counters that count one twice."""
    request_id, images = status["request_id"], status["images"]
    folder = system.folder / "processed" / request_id
    files = Counter(path.stem for path in folder.iterdir() if path.name != "output.csv")
    yield from (f"{request_id}: {stem} has {n} files" for stem, n in files.items() if n > 1)
    done = [image for image in images if image["status"] == "Completed"]
    counted = (status["progress"]["completed"], status["bytes_in"], status["bytes_out"])
    sums = (sum(image[name] for image in done) for name in ("input_bytes", "output_bytes"))
    if counted != (expected := (len(done), *sums)):
        yield f"{request_id}: counted {counted}, and there are {expected}"


def doubled_messages(origin: Origin) -> Iterator[str]:
    """Messages that were sent with two bodies."""
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for message in origin.received:
        if message.path.startswith("/hook-"):
            bodies[message.headers["webhook-id"]].add(message.body)
    for message_id, sent in bodies.items():
        if len(sent) > 1:
            yield f"{message_id} was sent as {[json.loads(body) for body in sent]}"


def left_over(system: System, there: set[str]) -> Iterator[tuple[str, str]]:
    """Files and rows of requests that are not there, with the ids of these requests."""
    for folder in (system.folder / "uploads", system.folder / "processed"):
        for path in folder.iterdir():
            request_id = path.name.lstrip(".").partition(".")[0]
            if request_id not in there or path.name.startswith("."):
                yield request_id, f"{folder.name}/{path.name}"
    db = Database(system.database_url)
    for public_id in db.read(lambda tx: tx.scalars(sa.select(Request.public_id)).all()):
        if str(public_id) not in there:
            yield str(public_id), f"the row of {public_id}"
    db.close()

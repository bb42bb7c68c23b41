"""Files that no image has: saved by a worker that lost its claim, as when a request is cancelled.

A file is removed only if it is still the version that was there before the rows were read: whoever
claims the image later saves another one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from database import Database, Unavailable
from storage import OUTPUT_CSV, Storage
from work_queue.completion import FinishedRequest
from work_queue.consistency import Counted, is_completed, is_there, needs_file, output_names
from work_queue.outcomes import Outcome
from work_queue.statuses import Status

logger = logging.getLogger(__name__)


class Version(NamedTuple):
    """One version of a file of a request."""

    public_id: UUID
    name: str
    version: str


def remove_lost(db: Database, storage: Storage, lost: Iterable[Outcome]) -> None:
    """Remove the files of outcomes that were not recorded, unless somebody else needs them.

    What can't be removed stays, and `make verify` names it.
    """
    saved = [outcome for outcome in lost if outcome.status is Status.COMPLETED]
    if not saved:
        return
    try:
        _remove_lost(db, storage, saved)
    except (OSError, Unavailable):
        logger.exception("files that no image has stay")


def _remove_lost(db: Database, storage: Storage, saved: Sequence[Outcome]) -> None:
    for image, name in ((outcome.image, outcome.columns["output_name"]) for outcome in saved):
        there = _version(storage, image.public_id, name)
        if not db.read(needs_file, image.id):
            remove(storage, [there])
    for public_id in {outcome.image.public_id for outcome in saved}:
        if not db.read(is_there, public_id):
            storage.remove(public_id)  # it was deleted, and its folder made anew


def of_finished(db: Database, storage: Storage, request: FinishedRequest) -> list[Version]:
    """Those of a request whose images have ended, for the worker that completes it.

    They may be removed once it is completed: its claim has held meanwhile.
    """
    if not request.failed:
        return []
    there = {name for name in storage.names(request.public_id) if not name.endswith(".part")}
    more = there - {OUTPUT_CSV} - set(output_names(db, request.id))
    return [_version(storage, request.public_id, name) for name in more]


def remove_strays(db: Database, storage: Storage, request: Counted, names: Iterable[str]) -> None:
    """Remove files of a completed request that no image has, also while it is tried again.

    Their versions are taken first: what a retry writes since is another version, and stays.
    """
    versions = [_version(storage, request.public_id, name) for name in names]
    if db.read(is_completed, request.id):
        named = {OUTPUT_CSV, *output_names(db, request.id)}
        remove(storage, [version for version in versions if version.name not in named])


def remove(storage: Storage, versions: Iterable[Version]) -> None:
    """Remove files that have not been written anew since, as far as that can be done."""
    for version in versions:
        try:
            storage.remove_version(*version)
        except OSError:
            logger.exception("a file stays", extra={"request_id": version.public_id})


def _version(storage: Storage, public_id: UUID, name: str) -> Version:
    return Version(public_id, name, storage.version(public_id, name))

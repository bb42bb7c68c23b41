"""The database as the queue: who gets what, and what is left when somebody stops."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from database import Database
from tests.integration.conftest import Product as Row
from tests.integration.conftest import Stores, completed, request_of
from work_queue import read_queries
from work_queue.api_keys import keys_at_work
from work_queue.claims import (
    HEAD_START,
    HEAD_START_SECONDS,
    Choice,
    ClaimedImage,
    claim_images,
    renew_claims,
    work_is_due,
)
from work_queue.completion import FinishedRequest, claim_finished, complete_request, finished_images
from work_queue.expired_claims import count_crash, release_expired
from work_queue.intake import NewRequest, store_request
from work_queue.models import NO_KEY, Host, Image, Request, Webhook
from work_queue.notifications import add_webhook, claim_webhook
from work_queue.outcomes import TIMED_OUT, Outcome, record_outcomes
from work_queue.statuses import Status

pytestmark = pytest.mark.integration


def urls(number: int, host: str = "a.example") -> list[str]:
    return [f"http://{host}/{n}.jpg" for n in range(number)]


def claim(
    database: Database,
    worker: str = "ann",
    *,
    limit: int = 3,
    lease_seconds: float = 60,
    excluded_hosts: Iterable[str] = (),
) -> list[ClaimedImage]:
    images = database.write(
        claim_images,
        worker,
        limit=limit,
        lease_seconds=lease_seconds,
        choice=Choice(excluded_hosts=set(excluded_hosts)),
    )
    return images or []


def answer(database: Database, *, limit: int) -> uuid.UUID:
    """Claim and complete so many images; the request that they are of."""
    images = claim(database, limit=limit)
    database.write(record_outcomes, "ann", [completed(image) for image in images])
    return images[0].public_id


def finish_all(database: Database, worker: str = "ann") -> None:
    while images := claim(database, worker):
        database.write(record_outcomes, worker, [completed(image) for image in images])


def progress(database: Database, public_id: uuid.UUID) -> dict[str, int | float]:
    request = request_of(database, public_id)
    return read_queries.progress(request)


def statuses(database: Database) -> list[Status]:
    with database.reading.connect() as tx:
        return list(tx.scalars(sa.select(Image.status).order_by(Image.id)))


def test_eight_threads_claim_each_image_once(database: Database, store: Stores) -> None:
    store(*urls(1000), *urls(1000, "b"), *urls(1000, "c"), *urls(1000, "d"), *urls(1000, "e"))
    claimed: list[int] = []
    waits = [0.0]

    def work(worker: str) -> None:
        while True:
            started = time.monotonic()
            images = database.write(claim_images, worker, limit=10, lease_seconds=60)
            waits.append(time.monotonic() - started)
            if images is None:
                return
            claimed.extend(image.id for image in images)

    threads = [threading.Thread(target=work, args=(f"worker {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(claimed) == len(set(claimed)) == 5000
    assert max(waits) < 30  # the lease of a worker


def test_images_are_claimed_in_the_order_of_the_csv(database: Database, store: Stores) -> None:
    store(*urls(5))

    images = [*claim(database), *claim(database)]

    assert [image.position for image in images] == [1, 2, 3, 4, 5]


def test_requests_take_turns(database: Database, store: Stores) -> None:
    first, second = store(*urls(60)), store(*urls(60))
    for _ in range(2):  # neither has its head start any more
        answer(database, limit=HEAD_START)
        time.sleep(0.005)  # the order of turns is by the millisecond

    served = []
    for _ in range(4):
        time.sleep(0.005)  # the order of turns is by the millisecond
        served.append(answer(database, limit=3))

    assert served == [first, second, first, second]


def test_a_new_request_is_served_before_one_that_waits_for_its_next_turn(
    database: Database, store: Stores
) -> None:
    store(*urls(60))
    answer(database, limit=HEAD_START)

    late = store(*urls(1))

    assert claim(database)[0].public_id == late


def test_a_stream_of_new_requests_does_not_hold_up_one_that_has_begun(
    database: Database, store: Stores
) -> None:
    begun = store(*urls(60))
    answer(database, limit=HEAD_START)
    answer(database, limit=3)
    store(*urls(5))

    images = database.write(claim_images, "ann", limit=3, lease_seconds=60, head_start=False)

    assert images is not None
    assert images[0].public_id == begun


def test_a_head_start_ends_by_what_was_claimed_also_when_nothing_was_answered(
    database: Database, store: Stores
) -> None:
    hanging, late = store(*urls(100)), store(*urls(1))

    assert claim(database, limit=HEAD_START)[0].public_id == hanging
    assert claim(database)[0].public_id == late


def test_a_head_start_ends_after_some_seconds(database: Database, store: Stores) -> None:
    hanging, late = store(*urls(100)), store(*urls(1))
    earlier = datetime.now(UTC) - timedelta(seconds=HEAD_START_SECONDS)
    with database.engine.begin() as tx:
        tx.execute(sa.update(Request).values(created_at=earlier))

    assert claim(database, limit=1)[0].public_id == hanging
    assert claim(database, limit=1)[0].public_id == late


def test_of_a_capped_request_only_known_hosts_are_chosen(database: Database, store: Stores) -> None:
    store(*urls(1, "dead.example"), *urls(1, "known.example"))
    late = store(*urls(1, "new.example"))
    capped = Choice(capped_requests=[1], known_hosts=["known.example"])

    hosts = [image.host for image in claim_in(database, capped)]

    assert hosts == ["known.example", "new.example"]
    assert request_of(database, late).id == 2


def claim_in(database: Database, choice: Choice) -> list[ClaimedImage]:
    """Everything that may be chosen, in the order of the claims."""

    def claimed() -> list[ClaimedImage]:
        found = database.write(claim_images, "ann", limit=9, lease_seconds=60, choice=choice)
        return found or []

    return list(itertools.chain.from_iterable(iter(claimed, [])))


# --- a host that times out --------------------------------------------------------------------


def time_out(database: Database, times: int, host: str = "dead.example") -> list[ClaimedImage]:
    """Images of the host that time out, so many, and are due again."""
    images = []
    for _ in range(times):
        (image,) = claim(database, limit=1)
        assert image.host == host
        outcome = Outcome.retry(image, 0, TIMED_OUT, "It took too long.")
        database.write(record_outcomes, "ann", [outcome])
        images.append(image)
    return images


def rest(database: Database) -> float:
    """The seconds for which the host rests from now on, roughly; then it is over."""
    with database.engine.begin() as tx:
        until = tx.scalar(sa.select(Host.rests_until))
        tx.execute(sa.update(Host).values(rests_until=None))
    return 0 if until is None else (until - datetime.now(UTC)).total_seconds()


def test_a_host_that_timed_out_five_times_in_a_row_rests_and_twice_as_long_each_time(
    database: Database, store: Stores
) -> None:
    store(*urls(3, "dead.example"))
    time_out(database, 4)
    assert rest(database) == 0
    rests = []
    for more in (1, 5, 5):
        time_out(database, more)
        assert claim(database) == []
        rests.append(rest(database))

    assert rests == [pytest.approx(seconds, abs=0.9) for seconds in (1, 2, 4)]


def test_others_are_claimed_while_a_host_rests(database: Database, store: Stores) -> None:
    store(*urls(3, "dead.example"), *urls(1, "alive.example"))
    time_out(database, 5)

    assert [image.host for image in claim(database)] == ["alive.example"]


def test_an_answer_of_any_kind_begins_the_count_anew(database: Database, store: Stores) -> None:
    store(*urls(3, "dead.example"))
    time_out(database, 4)
    (image,) = claim(database, limit=1)
    database.write(record_outcomes, "ann", [Outcome.failed(image, "http_404", "gone")])

    time_out(database, 4)

    assert rest(database) == 0


def test_a_host_that_timed_out_fifty_times_in_a_row_is_given_up(
    database: Database, store: Stores
) -> None:
    store(*urls(200, "dead.example"))
    for _ in range(10):
        time_out(database, 5)
        rest(database)

    images = claim(database, limit=1)

    assert len(images) > 1
    assert all(image.is_given_up for image in images)


def test_a_host_that_is_given_up_in_one_request_is_tried_in_the_next(
    database: Database, store: Stores
) -> None:
    store(*urls(1, "dead.example"))
    with database.engine.begin() as tx:
        tx.execute(sa.update(Host).values(timeouts=50))
    store(*urls(1, "dead.example"))

    assert [claim(database)[0].is_given_up for _ in range(2)] == [True, False]


def test_a_host_is_passed_over(database: Database, store: Stores) -> None:
    store(*urls(5, "slow.example"), *urls(1, "Fast.Example:8080"))

    (image,) = claim(database, excluded_hosts=["slow.example"])

    assert image.host == "fast.example:8080"
    assert claim(database, excluded_hosts=["slow.example"]) == []


def test_a_recorded_image_moves_the_counters_with_it(database: Database, store: Stores) -> None:
    request_id = store(*urls(3))
    good, bad, moody = claim(database)

    database.write(
        record_outcomes,
        "ann",
        [
            completed(good),
            Outcome.failed(bad, "http_404", "gone"),
            Outcome.retry(moody, 60, "http_503", "busy"),
        ],
    )

    assert statuses(database) == [Status.COMPLETED, Status.FAILED, Status.PENDING]
    expected = {"total": 3, "completed": 1, "failed": 1, "pending": 1, "percent": 66.7}
    assert progress(database, request_id) == expected


def test_an_image_to_be_tried_again_is_due_only_then(database: Database, store: Stores) -> None:
    store(*urls(1))
    (image,) = claim(database)
    database.write(record_outcomes, "ann", [Outcome.retry(image, 2, "http_503", "busy")])

    assert claim(database) == []
    time.sleep(2.1)
    (again,) = claim(database)
    assert again.attempts == 2


def test_what_is_recorded_twice_counts_once(database: Database, store: Stores) -> None:
    request_id = store(*urls(2))
    image, _ = claim(database)

    for _ in range(2):
        database.write(record_outcomes, "ann", [completed(image)])

    assert progress(database, request_id)["completed"] == 1


def test_a_worker_that_lost_its_claim_changes_nothing(database: Database, store: Stores) -> None:
    request_id = store(*urls(1))
    (lost,) = claim(database, "ann", lease_seconds=0.05)
    time.sleep(0.1)
    database.write(release_expired, claim_limit=3)
    (taken,) = claim(database, "bob")

    database.write(record_outcomes, "ann", [Outcome.failed(lost, "http_404", "gone")])
    assert progress(database, request_id)["failed"] == 0
    database.write(record_outcomes, "bob", [completed(taken)])
    assert progress(database, request_id)["completed"] == 1


def test_a_claim_that_is_renewed_does_not_run_out(database: Database, store: Stores) -> None:
    store(*urls(1))
    (image,) = claim(database, lease_seconds=0.05)
    database.write(renew_claims, "ann", [image.id], 60)
    time.sleep(0.1)

    database.write(release_expired, claim_limit=3)

    assert statuses(database) == [Status.PROCESSING]


def test_a_released_image_has_not_been_tried(database: Database, store: Stores) -> None:
    store(*urls(1))
    (image,) = claim(database)

    database.write(record_outcomes, "ann", [Outcome.release(image)])

    (again,) = claim(database)
    assert (again.attempts, again.crash_count) == (1, 0)


def test_images_that_only_waited_in_a_worker_that_stopped_are_never_given_up(
    database: Database, store: Stores
) -> None:
    store(*urls(3))

    for _ in range(10):
        assert len(claim(database, lease_seconds=0.01)) == 3
        time.sleep(0.02)
        database.write(release_expired, claim_limit=3)

    assert [image.attempts for image in claim(database)] == [1, 1, 1]


def test_an_image_that_stops_its_worker_too_often_has_failed(
    database: Database, store: Stores
) -> None:
    request_id = store(*urls(1))
    for _ in range(3):
        (image,) = claim(database, lease_seconds=0.05)
        if image.crash_count:
            assert database.write(count_crash, "ann", image)
        time.sleep(0.1)
        database.write(release_expired, claim_limit=3)

    assert statuses(database) == [Status.FAILED]
    assert progress(database, request_id)["failed"] == 1
    assert database.write(claim_finished, "ann", 60) is not None


def test_one_worker_finishes_a_request(database: Database, store: Stores) -> None:
    public_id = store(*urls(4), webhook_url="http://a.example/hook")
    finish_all(database)

    finished = database.write(claim_finished, "ann", 60)

    assert finished is not None
    assert finished.public_id == public_id
    assert database.write(claim_finished, "bob", 60) is None
    assert not database.write(complete_request, "bob", finished, 0)
    assert database.write(complete_request, "ann", finished, 0)
    assert not database.write(complete_request, "ann", finished, 0)
    with database.reading.connect() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(Webhook)) == 1


def test_a_request_whose_finisher_stopped_is_finished_by_another(
    database: Database, store: Stores
) -> None:
    store(*urls(1))
    finish_all(database)
    assert database.write(claim_finished, "ann", 0.05) is not None
    time.sleep(0.1)

    assert database.read(work_is_due)
    assert database.write(claim_finished, "bob", 60) is not None


def test_the_results_of_a_large_request_come_in_order(database: Database) -> None:
    rows = [Row(n, tuple(urls(n % 3))) for n in range(1, 4000)]
    new = NewRequest(public_id=uuid.uuid4(), file_name="a.csv")
    store_request(database, new, rows)
    request = request_of(database, new.public_id)
    finished = FinishedRequest(request.id, new.public_id, None)
    with database.engine.begin() as tx:
        tx.execute(sa.update(Request).values(claimed_by="ann"))

    found = [(r.row_number, r.position) for r in finished_images(database, "ann", finished, 60)]

    assert found == [(row.number, p + 1) for row in rows for p in range(len(row.urls))]


def test_there_is_nothing_due_when_all_is_done(database: Database, store: Stores) -> None:
    store(*urls(2))
    assert database.read(work_is_due)

    finish_all(database)
    finished = database.write(claim_finished, "ann", 60)
    assert finished is not None
    database.write(complete_request, "ann", finished, 0)

    assert not database.read(work_is_due)


def test_a_due_webhook_is_claimed_once(database: Database, store: Stores) -> None:
    store(*urls(1), webhook_url="http://a.example/hook")
    finish_all(database)
    finished = database.write(claim_finished, "ann", 60)
    assert finished is not None
    database.write(complete_request, "ann", finished, 0)

    webhook = database.write(claim_webhook, "ann", lease_seconds=60)

    assert webhook is not None
    assert (webhook.url, webhook.attempts) == ("http://a.example/hook", 1)
    assert database.write(claim_webhook, "bob", lease_seconds=60) is None


def test_a_webhook_of_a_busy_receiver_waits_and_others_do_not(
    database: Database, store: Stores
) -> None:
    for url in ("http://shop.co", "http://Shop.co/b", "http://shop.co?c", "http://shop.com/d"):
        request_id = request_of(database, store(*urls(1))).id
        database.write(add_webhook, request_id, url, 0)
    assert database.write(claim_webhook, "ann", busy_receivers=[], lease_seconds=60) is None
    with database.engine.begin() as tx:
        tx.execute(sa.update(Request).values(status=Status.COMPLETED))

    busy = ["http://shop.co"]
    claimed = [
        database.write(claim_webhook, "ann", busy_receivers=busy, lease_seconds=60)
        for _ in range(2)
    ]

    assert [webhook and webhook.url for webhook in claimed] == ["http://shop.com/d", None]


def test_a_host_ends_where_its_url_s_path_or_query_begins(
    database: Database, store: Stores
) -> None:
    store("http://a.example?1", "http://A.example/2", "http://a.example#3")

    assert {image.host for image in claim(database)} == {"a.example"}


def test_what_others_have_just_taken_is_not_what_is_not_there(
    database: Database, store: Stores
) -> None:
    store(*urls(1))

    assert claim(database)
    assert database.write(claim_images, "bob", limit=3, lease_seconds=60) is None


def test_a_claim_does_not_read_other_people_s_history(database: Database, store: Stores) -> None:
    for _ in range(3):
        store(*urls(2))
    plans: list[str] = []

    def explain(_: object, cursor: Any, statement: str, parameters: Any, *__: object) -> None:
        if statement.startswith("SELECT"):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in cursor.fetchall())

    if not database.is_embedded:
        pytest.skip("SQLite's own EXPLAIN")
    sa.event.listen(database.engine, "before_cursor_execute", explain)
    assert database.write(keys_at_work) == [NO_KEY]
    claim(database)
    database.write(claim_finished, "ann", 60)

    assert any("ix_requests_open" in plan for plan in plans)
    scanned = [plan for plan in plans if plan.startswith(("SCAN images", "SCAN hosts"))]
    assert [plan for plan in scanned if "USING" not in plan] == []
    searched = [plan for plan in plans if "SEARCH images" in plan]
    assert [plan for plan in searched if "ix_images_pending" not in plan] == []


def test_a_request_ends_also_when_no_claim_could_note_its_start(
    database: Database, store: Stores
) -> None:
    public_id = store(*urls(1))
    (image,) = claim(database)
    with database.engine.begin() as tx:
        tx.execute(sa.update(Request).values(status=Status.PENDING))

    database.write(record_outcomes, "ann", [completed(image)])
    finished = database.write(claim_finished, "ann", 60)

    assert finished is not None
    assert database.write(complete_request, "ann", finished, 0)
    request = request_of(database, public_id)
    assert request.status is Status.COMPLETED


# --- one URL in many places -------------------------------------------------------------------


def claim_all(database: Database) -> list[ClaimedImage]:
    return list(itertools.chain.from_iterable(iter(lambda: claim(database), [])))


def test_a_url_that_stands_many_times_in_a_request_is_claimed_once(
    database: Database, store: Stores
) -> None:
    store(*urls(2), *urls(2), *urls(3))

    assert [image.input_url for image in claim_all(database)] == urls(3)


def test_urls_that_differ_in_case_are_different(database: Database, store: Stores) -> None:
    store("http://a.example/Cup.jpg", "http://a.example/cup.jpg")

    assert len(claim_all(database)) == 2


def test_the_same_url_in_another_request_is_worked_on_anew(
    database: Database, store: Stores
) -> None:
    store(*urls(1))
    store(*urls(1))

    assert len(claim_all(database)) == 2


def test_the_answer_to_a_url_is_that_of_all_its_places(database: Database, store: Stores) -> None:
    public_id = store(*urls(1), *urls(1), *urls(1))
    (image,) = claim_all(database)

    assert database.write(record_outcomes, "ann", [completed(image)]).ended_request

    counted = progress(database, public_id)
    assert (counted["completed"], counted["pending"]) == (3, 0)
    with database.reading.connect() as tx:
        assert set(tx.execute(sa.select(Image.status, Image.output_name))) == {
            (Status.COMPLETED, "1-1.jpg")
        }


def test_the_bytes_of_a_request_are_the_sum_of_its_images(
    database: Database, store: Stores
) -> None:
    public_id = store(*urls(2), *urls(1))

    finish_all(database)

    request = request_of(database, public_id)
    assert (request.bytes_in, request.bytes_out) == (300, 120)


def test_copies_wait_while_their_original_is_tried_again(database: Database, store: Stores) -> None:
    public_id = store(*urls(1), *urls(1))
    (image,) = claim_all(database)

    database.write(record_outcomes, "ann", [Outcome.retry(image, 0, "http_503", "busy")])

    assert progress(database, public_id)["pending"] == 2
    assert [again.id for again in claim_all(database)] == [image.id]


def test_copies_of_an_image_that_stops_every_worker_fail_with_it(
    database: Database, store: Stores
) -> None:
    public_id = store(*urls(1), *urls(1))
    for _ in range(3):
        (image,) = claim(database, lease_seconds=0)
        database.write(count_crash, "ann", image)
        time.sleep(0.01)
        database.write(release_expired, 3)

    assert progress(database, public_id)["failed"] == 2


def test_of_a_small_request_a_process_takes_a_share(database: Database, store: Stores) -> None:
    store(*urls(4))

    taken = [database.write(claim_images, w, limit=3, lease_seconds=60, shares=4) for w in "abcd"]

    assert [len(images or []) for images in taken] == [1, 1, 1, 1]

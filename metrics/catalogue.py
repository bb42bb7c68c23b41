"""Every metric that is counted: its name, and what it says."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from metrics.shared_counters import SharedCounters

PREFIX = "image_service_"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
BROKEN = ("compression_error", "download_error", "stopped_the_worker")  # codes that are our fault
BETWEEN = "\t"  # the parts of a name in the shared counters

counters = SharedCounters()


@dataclass(frozen=True)
class Counter:
    """Something that is counted, by the values of its labels; there must be few of these.

    Those in ``from_start`` are shown before they happen, or Prometheus would not see the first.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    from_start: tuple[tuple[str, ...], ...] = ((),)

    def add(self, amount: float = 1, *values: str) -> None:
        counters.add(BETWEEN.join((self.name, *values)), amount)


@dataclass(frozen=True)
class Histogram:
    """How long something took: how often less than each bound, and the sum."""

    name: str
    help: str
    bounds: tuple[float, ...] = SECONDS

    def observe(self, seconds: float) -> None:
        bucket = bisect_left(self.bounds, seconds)
        counters.add(f"{self.name}{BETWEEN}{bucket}", 1)
        counters.add(f"{self.name}{BETWEEN}sum", seconds)


HTTP_REQUESTS = Counter(
    f"{PREFIX}http_requests",
    "HTTP requests of the API that were answered.",
    ("method", "status"),
    (),
)
HTTP_SECONDS = Histogram(
    f"{PREFIX}http_request_seconds", "Until a response was ready, without the time to send it."
)
UPLOADS = Counter(
    f"{PREFIX}uploads",
    "Uploads: accepted, refused for what was sent, or failed here.",
    ("outcome",),
    (("accepted",), ("refused",), ("failed",)),
)
UPLOADED_IMAGES = Counter(f"{PREFIX}uploaded_images", "Image URLs of accepted uploads.")
IMAGES = Counter(
    f"{PREFIX}images",
    "Attempts at images that ended: completed, failed for good, or to be retried; a URL that a "
    "request has several times counts once.",
    ("outcome", "code"),
    (("completed", ""), *(("failed", code) for code in BROKEN)),
)
BYTES_IN = Counter(f"{PREFIX}image_bytes_in", "Bytes of completed images before compression.")
BYTES_OUT = Counter(f"{PREFIX}image_bytes_out", "Bytes of completed images after compression.")
DOWNLOAD_SECONDS = Histogram(f"{PREFIX}download_seconds", "Of one download, also of a failed one.")
COMPRESSION_SECONDS = Histogram(f"{PREFIX}compression_seconds", "Of the compression of one image.")
WEBHOOK_ATTEMPTS = Counter(
    f"{PREFIX}webhook_attempts",
    "Attempts to deliver a notification: delivered, to be retried, or failed for good.",
    ("outcome",),
    (("delivered",), ("retry",), ("failed",)),
)
SWEEPS = Counter(f"{PREFIX}sweeps", "Looks for work that no message announced.")
TRANSACTIONS_RETRIED = Counter(
    f"{PREFIX}transactions_retried",
    "Transactions that were run again: a deadlock, or a connection that broke.",
)
COUNTED: tuple[Counter | Histogram, ...] = (
    HTTP_REQUESTS,
    HTTP_SECONDS,
    UPLOADS,
    UPLOADED_IMAGES,
    IMAGES,
    BYTES_IN,
    BYTES_OUT,
    DOWNLOAD_SECONDS,
    COMPRESSION_SECONDS,
    WEBHOOK_ATTEMPTS,
    SWEEPS,
    TRANSACTIONS_RETRIED,
)

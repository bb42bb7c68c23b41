"""What happens, counted over all processes of a machine, for Prometheus.

    catalogue.py         every metric: its name, and what it counts
    shared_counters.py   the sums, in memory that a parent shares with its forks
    exposition.py        the sums as Prometheus reads them

To count something costs a microsecond, and no process waits for another. The sums begin at 0 when
the service is started, as Prometheus expects of counters; a process that is replaced changes none.
"""

from metrics.catalogue import (
    BYTES_IN,
    BYTES_OUT,
    COMPRESSION_SECONDS,
    DOWNLOAD_SECONDS,
    HTTP_REQUESTS,
    HTTP_SECONDS,
    IMAGES,
    SWEEPS,
    TRANSACTIONS_RETRIED,
    UPLOADED_IMAGES,
    UPLOADS,
    WEBHOOK_ATTEMPTS,
)
from metrics.exposition import Gauge, exposition, serve

__all__ = [
    "BYTES_IN",
    "BYTES_OUT",
    "COMPRESSION_SECONDS",
    "DOWNLOAD_SECONDS",
    "HTTP_REQUESTS",
    "HTTP_SECONDS",
    "IMAGES",
    "SWEEPS",
    "TRANSACTIONS_RETRIED",
    "UPLOADED_IMAGES",
    "UPLOADS",
    "WEBHOOK_ATTEMPTS",
    "Gauge",
    "exposition",
    "serve",
]

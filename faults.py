"""What an error of a database driver means: try again, say it at the start, or it is a bug.

SQL Server's errors carry an SQLSTATE and, in parentheses behind the message, a native number.
pyodbc gives both; mssql-python gives words for the SQLSTATE, which are told back here. The numbers
are those of Microsoft's "Transient fault handling" for Azure SQL, and the locks, deadlocks first.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy.exc import DBAPIError

LOGIN_FAILED = 18456
TRANSIENT_STATES = {"40001", "08S01", "08001", "08003", "08007", "HYT00", "HYT01"}
LOCKS = {1205, 1204, 1222}  # deadlock, none left, waited too long
TRANSIENT_NUMBERS = {
    *LOCKS,
    *(49918, 49919, 49920, 4060, 4221, 40143, 40613, 40501, 40540, 40197),  # moving, or throttled
    *(42108, 42109, 10929, 10928, 10060, 997, 233),  # waking, or the connection broke
}
WORDS = {  # mssql_python.exceptions, as of 1.16
    "Serialization failure": "40001",
    "Communication link failure": "08S01",
    "Client unable to establish connection": "08001",
    "Connection not open": "08003",
    "Connection failure during transaction": "08007",
    "Timeout expired": "HYT00",
    "Connection timeout expired": "HYT01",
    "Invalid authorization specification": "28000",
}


@dataclass(frozen=True)
class Fault:
    """One error that a driver raised, as SQLAlchemy wraps it."""

    error: DBAPIError

    @cached_property
    def state(self) -> str:
        """The SQLSTATE, empty where there is none."""
        words = getattr(self.error.orig, "driver_error", None)
        if words is not None:
            return WORDS.get(words, str(words).rpartition("SQLSTATE code: ")[2][:5])
        arguments: tuple[Any, ...] = getattr(self.error.orig, "args", ())
        return str(arguments[0]) if len(arguments) > 1 else ""

    @cached_property
    def numbers(self) -> set[int]:
        """The native numbers in the message: several, where the driver reports a chain."""
        return {int(number) for number in re.findall(r"\((\d{2,6})\)", str(self.error.orig))}

    @property
    def is_transient(self) -> bool:
        """Whether the same transaction may succeed a moment later."""
        if self.is_login_refused:
            return False
        return (
            self.error.connection_invalidated
            or self.state in TRANSIENT_STATES
            or not self.numbers.isdisjoint(TRANSIENT_NUMBERS)
        )

    @property
    def is_server_away(self) -> bool:
        """Whether nobody answers, unlike when others were only in the way."""
        is_lock = self.state == "40001" or not self.numbers.isdisjoint(LOCKS)
        return self.is_transient and not is_lock

    @property
    def is_login_refused(self) -> bool:
        return self.state == "28000" or LOGIN_FAILED in self.numbers

    @property
    def is_driver_missing(self) -> bool:
        return self.state in ("01000", "IM002") and "[unixODBC]" in str(self.error.orig)

    @property
    def is_passing(self) -> bool:
        """Whether a user should come again: also when a SQLite file is locked, or its disk full."""
        return self.is_transient or isinstance(self.error.orig, sqlite3.OperationalError)

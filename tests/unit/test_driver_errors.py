"""What the database's errors mean, told by the drivers' own error classes."""

from __future__ import annotations

import sqlite3

import mssql_python
import pyodbc
import pytest
from sqlalchemy.exc import DBAPIError

from database import DriverError

SERVER = "[Microsoft][ODBC Driver 18 for SQL Server]"
DEADLOCK = pyodbc.Error(
    "40001",
    f"[40001] {SERVER}[SQL Server]Transaction (Process ID 61) was deadlocked on lock resources "
    "with another process and has been chosen as the deadlock victim. (1205) (SQLExecDirectW)",
)
BROKEN = pyodbc.OperationalError(
    "08S01", f"[08S01] {SERVER}Communication link failure (0) (SQLExecDirectW)"
)
LOGIN = pyodbc.InterfaceError(
    "28000",
    f"[28000] {SERVER}[SQL Server]Login failed for user 'sa'. (18456) (SQLDriverConnect); "
    f"[28000] {SERVER}[SQL Server]Login failed for user 'sa'. (18456)",
)
NO_DRIVER = pyodbc.Error(
    "01000",
    "[01000] [unixODBC][Driver Manager]Can't open lib 'ODBC Driver 18 for SQL Server' : file not "
    "found (0) (SQLDriverConnect)",
)


def fault(error: BaseException, *, disconnected: bool = False) -> DriverError:
    """The error as SQLAlchemy hands it on."""
    return DriverError(DBAPIError("SELECT 1", None, error, connection_invalidated=disconnected))


@pytest.mark.parametrize(
    "error",
    [
        DEADLOCK,
        BROKEN,
        pyodbc.OperationalError("HYT00", f"[HYT00] {SERVER}Login timeout expired (0)"),
        pyodbc.OperationalError(
            "08001", f"[08001] {SERVER}TCP Provider: Error code 0x2749 (10061)"
        ),
        pyodbc.ProgrammingError(
            "42000", f"[42000] {SERVER}[SQL Server]Database 'x' is not currently available (40613)"
        ),
        pyodbc.ProgrammingError(
            "42000", f"[42000] {SERVER}[SQL Server]Lock request time out period exceeded. (1222)"
        ),
        mssql_python.OperationalError("Serialization failure", "deadlocked"),
        mssql_python.OperationalError("Communication link failure", "broken"),
        mssql_python.OperationalError("Client unable to establish connection", "refused"),
    ],
    ids=str,
)
def test_what_passes_is_tried_again(error: BaseException) -> None:
    assert fault(error).is_transient


@pytest.mark.parametrize(
    "error",
    [
        LOGIN,
        NO_DRIVER,
        pyodbc.IntegrityError("23000", f"[23000] {SERVER}[SQL Server]Violation of … (2627)"),
        pyodbc.DataError("22001", f"[22001] {SERVER}[SQL Server]String would be truncated (2628)"),
        pyodbc.ProgrammingError("42S02", f"[42S02] {SERVER}[SQL Server]Invalid object name (208)"),
        mssql_python.OperationalError("Invalid authorization specification", "Login failed"),
        mssql_python.IntegrityError("Integrity constraint violation", "Violation of …"),
        sqlite3.IntegrityError("UNIQUE constraint failed"),
    ],
    ids=str,
)
def test_what_does_not_pass_is_not_tried_again(error: BaseException) -> None:
    assert not fault(error).is_transient


def test_a_connection_that_the_driver_calls_broken_is_tried_again() -> None:
    odd = pyodbc.Error("HY000", "[HY000] connection is closed")

    assert fault(odd, disconnected=True).is_transient


def test_a_deadlock_does_not_mean_that_the_server_is_down() -> None:
    assert not fault(DEADLOCK).is_server_down
    assert fault(BROKEN).is_server_down


def test_a_statement_that_took_too_long_does_not_mean_that_the_server_is_down() -> None:
    slow = fault(pyodbc.OperationalError("HYT00", f"[HYT00] {SERVER}Query timeout expired (0)"))
    login = fault(pyodbc.OperationalError("HYT00", f"[HYT00] {SERVER}Login timeout expired (0)"))

    assert slow.is_transient
    assert not slow.is_server_down
    assert login.is_server_down


@pytest.mark.parametrize("number", [976, 983, 3906, 8645, 8651])
def test_a_failover_and_a_lack_of_memory_are_tried_again(number: int) -> None:
    error = pyodbc.ProgrammingError("42000", f"[42000] {SERVER}[SQL Server]… ({number})")

    assert fault(error).is_transient


def test_a_refused_login_and_a_missing_driver_are_known() -> None:
    assert fault(LOGIN).is_login_refused
    assert fault(NO_DRIVER).is_driver_missing
    assert not fault(BROKEN).is_driver_missing


def test_a_locked_sqlite_file_is_for_the_user_to_come_again() -> None:
    locked = fault(sqlite3.OperationalError("database is locked"))

    assert locked.is_temporary
    assert not locked.is_transient

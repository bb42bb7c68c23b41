"""A database of any earlier version is brought to the newest, with everything in it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import migrations
from database import Database, WrongDatabase
from tests.earlier_database import add_request, database_at
from tests.system import ROOT
from work_queue.models import Base

pytestmark = pytest.mark.integration
URLS = [f"http://a.example/{n}.jpg" for n in range(3)]
TABLES = ["requests", "products", "hosts", "images"]


def structure(db: Database) -> dict[str, Any]:
    """The tables, columns, constraints and indexes of a database."""
    inspector = sa.inspect(db.engine)
    return {
        table: {
            "columns": [
                (c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table),
            "parents": inspector.get_foreign_keys(table),
            "unique": sorted(inspector.get_unique_constraints(table), key=str),
            "checks": sorted(inspector.get_check_constraints(table), key=str),
            "indexes": sorted(
                (i["name"], i["column_names"], str(i["dialect_options"].get("sqlite_where")))
                for i in inspector.get_indexes(table)
            ),
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def rows(db: Database) -> dict[str, int]:
    with db.reading.connect() as tx:
        return {
            table: tx.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar_one()  # noqa: S608
            for table in TABLES
        }


@pytest.mark.parametrize("revision", migrations.revisions())
def test_from_every_revision_the_newest_is_that_of_the_models(
    revision: str, tmp_path: Path
) -> None:
    db = database_at(tmp_path / "earlier.db", revision)
    add_request(db, URLS, done=1, held=1)
    before = rows(db)

    migrations.upgrade(db)

    models = Database(f"sqlite:///{tmp_path}/models.db")
    Base.metadata.create_all(models.engine)
    assert structure(db) == structure(models)
    assert rows(db) == before
    assert migrations.reason_against(db) is None


def test_a_database_without_a_version_is_recognised_and_migrated(tmp_path: Path) -> None:
    db = database_at(tmp_path / "earlier.db", "0001", is_versioned=False)
    add_request(db, URLS)

    assert migrations.reason_against(db) == (
        "The database was made by a version before 0.2.0: run `make migrate`."
    )
    migrations.prepare(db)

    assert migrations.reason_against(db) is None
    assert rows(db)["images"] == 3


def test_the_embedded_database_is_copied_before_as_it_was(tmp_path: Path) -> None:
    for _ in range(2):
        (tmp_path / "earlier.db").unlink(missing_ok=True)
        db = database_at(tmp_path / "earlier.db", "0001", is_versioned=False)
        add_request(db, URLS)
        migrations.prepare(db)
        db.close()

    for copy in ("earlier.db.version-0001", "earlier.db.version-0001-2"):
        with sqlite3.connect(tmp_path / copy) as kept:
            assert kept.execute("SELECT COUNT(stops) FROM images").fetchone() == (3,)
        kept.close()


def test_a_new_database_leaves_no_copy(tmp_path: Path) -> None:
    migrations.prepare(Database(f"sqlite:///{tmp_path}/new.db"))

    assert not list(tmp_path.glob("*version*"))


def test_a_start_with_nothing_to_migrate_does_without_alembic(database_url: str) -> None:
    program = (
        "import sys, app, migrations; from database import Database; "
        "migrations.prepare(Database(sys.argv[1])); print('alembic' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, database_url], cwd=ROOT, capture_output=True, check=True
    )
    assert said.stdout == b"False\n"


def test_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    add_request(database_at(tmp_path / "earlier.db", "0001", is_versioned=False), URLS)
    failures: list[BaseException] = []

    def start() -> None:
        try:
            migrations.prepare(Database(f"sqlite:///{tmp_path}/earlier.db"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(list(tmp_path.glob("*version*"))) == 1


def test_rows_that_hang_on_others_still_go_with_them(tmp_path: Path) -> None:
    db = database_at(tmp_path / "earlier.db", "0001")
    add_request(db, URLS)
    migrations.upgrade(db)

    with db.engine.begin() as tx:
        tx.exec_driver_sql("DELETE FROM requests")

    assert rows(db) == dict.fromkeys(TABLES, 0)


def test_a_version_of_the_future_is_refused_in_words(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/future.db")
    migrations.prepare(db)
    with db.engine.begin() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(
        WrongDatabase, match=r"9999, which version .* does not know: start the newer"
    ):
        migrations.prepare(db)


def test_tables_that_are_not_ours_stay_as_they_are(tmp_path: Path) -> None:
    db = database_at(tmp_path / "other.db", "0001", is_versioned=False)
    with db.engine.begin() as tx:
        tx.exec_driver_sql("DROP INDEX ix_images_copies")

    with pytest.raises(WrongDatabase, match=r"it lacks ix_images_copies\. It can't be"):
        migrations.prepare(db)
    assert "stops" in str(structure(db))
    assert not list(tmp_path.glob("*version*"))


def test_a_file_that_is_no_database_ends_the_start_in_words(tmp_path: Path) -> None:
    (tmp_path / "photo.db").write_bytes(b"JFIF" * 1000)

    with pytest.raises(WrongDatabase, match="DATABASE_URL cannot be used: file is not a database"):
        migrations.prepare(Database(f"sqlite:///{tmp_path}/photo.db"))


def test_a_folder_that_is_not_there_ends_the_start_in_words(tmp_path: Path) -> None:
    with pytest.raises(WrongDatabase, match=f"there is no folder {tmp_path}/nowhere"):
        migrations.prepare(Database(f"sqlite:///{tmp_path}/nowhere/a.db"))
    with pytest.raises(WrongDatabase, match=f"cannot be used: {tmp_path} is a folder"):
        migrations.prepare(Database(f"sqlite:///{tmp_path}"))


def test_what_is_no_url_ends_the_start_in_words() -> None:
    with pytest.raises(
        WrongDatabase, match="DATABASE_URL cannot be used: it can't be read"
    ) as stopped:
        Database("mssql+pyodbc://sa:hunter2@server:first/images")
    assert "hunter2" not in str(stopped.value)

"""Starts the service with an image origin, runs schemathesis over it, and ends with its exit code.

python -m tests.api_check [--with-key] [options of `schemathesis run`]

With a key, the service asks for one, and each request has that of an admin.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.cli import schemathesis as command_line

from database import Database
from tests.conftest import empty_database, photo
from tests.origin import Origin, closed_port, content
from tests.system import System, csv_of
from work_queue import api_keys

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
CSV_TYPES = ("text/csv", "application/csv")
WITH_KEY = "--with-key"


def main() -> None:
    with Origin() as origin, tempfile.TemporaryDirectory() as folder:
        files, receiver = csvs(origin), origin.on("/hook", content(status=204))
        # The one open port is closed: of what the requests name, only the origin is asked anything.
        settings = {
            "ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{origin.address[1]}",
            "ALLOWED_PORTS": str(closed_port()),
            "MAX_UPLOAD_BYTES": str(1024 * 1024),
            "RATE_LIMIT": str(10**9),
        }
        options = [each for each in sys.argv[1:] if each != WITH_KEY]
        with_key = WITH_KEY in sys.argv
        if with_key:
            settings["OPEN"] = "0"
        with (
            empty_database(Path(folder)) as url,
            System(Path(folder), url, **settings) as running,
        ):
            if with_key:
                running.headers = {"Authorization": f"Bearer {admin_key(url)}"}
                options += [f"--header=Authorization: {running.headers['Authorization']}"]
            ids = [running.accepted(csv, webhook_url=receiver) for csv in 4 * files]
            for each in ids:
                running.completed(each)
            tell_what_values_mean(files, ids, [receiver, origin.url("/nobody")])
            where = f"{running.url}/openapi.json"
            command_line.main([f"--config-file={CONFIGURATION}", "run", where, *options])


def admin_key(database_url: str) -> str:
    with closing(Database(database_url)) as db:
        return db.write(api_keys.add_key, "checker", "admin", {})


def csvs(origin: Origin) -> list[str]:
    image = origin.on("/cup.jpg", content(photo()))
    return [
        csv_of(("Cup", image)),
        csv_of(("Cup", image, origin.url("/missing.jpg")), ("Pot", image)),
        csv_of(("Cup", origin.url("/missing.jpg"))),
    ]


def tell_what_values_mean(files: list[str], ids: list[str], receivers: list[str]) -> None:
    """What a schema can't say: which texts are a CSV of ours, which requests there are, and whom a
    webhook may go to.
    """
    good = st.sampled_from(files).map(str.encode)
    schemathesis.openapi.media_type(CSV_TYPES[0], good | st.binary(max_size=200), aliases=CSV_TYPES)
    schemathesis.openapi.format("uuid", st.sampled_from(ids) | st.uuids().map(str))
    schemathesis.openapi.format("uri", st.sampled_from(receivers))


@schemathesis.hook
def before_load_schema(_: schemathesis.HookContext, described: dict[str, Any]) -> None:
    """Make the description stricter than its users should take it: a member of a response that it
    does not name is a finding here, and may be a new one for them.
    """
    for schema in described["components"]["schemas"].values():
        schema.setdefault("additionalProperties", False)
    upload = described["paths"]["/upload"]["post"]["requestBody"]["content"]
    for kind in CSV_TYPES:
        del upload[kind]["example"]  # schemathesis takes only bytes where it has a strategy


if __name__ == "__main__":
    main()

"""What a user sees of client.py, run by itself against the running service."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.acceptance.conftest import system_for
from tests.conftest import photo_urls
from tests.origin import (
    Handler,
    Origin,
    Response,
    closed_port,
    content,
    raw,
    redirect,
    retry_later,
    short_body,
)
from tests.system import PATIENCE, ROOT, System, csv_of
from tests.workbooks import cells_of, workbook

ID = "00000000-0000-4000-8000-000000000000"
OwnSystem = Callable[..., System]


class Shell:
    """Runs the client in a folder of a user's own, and without a way to the service's modules."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        shutil.copy(ROOT / "client.py", folder)
        inherited = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}  # noqa: TID251
        self.environment = {**inherited, "IMAGE_SERVICE_URL": url}

    def table(self, *rows: tuple[str, ...]) -> str:
        """The name of a CSV with these products."""
        (self.folder / "products.csv").write_text(csv_of(*rows))
        return "products.csv"

    def start(self, *arguments: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-I", str(ROOT / "client.py"), *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code, and what stands on stdout and stderr."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err


@pytest.fixture
def shell(system: System, tmp_path: Path) -> Shell:
    return Shell(tmp_path, system.url)


@pytest.fixture(scope="module")
def unattended(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system without a worker: nothing is ever done there."""
    with system_for(origin, tmp_path_factory.mktemp("unattended")) as running:
        running.stop("worker")
        yield running


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[tuple[Origin, Shell]]:
    """A service that does what a real one never should, and a client for it."""
    with Origin() as server:
        yield server, Shell(tmp_path, server.url(""))


def answer(**members: object) -> bytes:
    return json.dumps(members).encode()


def test_a_table_is_uploaded_waited_for_and_saved(shell: Shell, origin: Origin) -> None:
    table = shell.table(("Cup", *photo_urls(origin, 2)))

    code, out, err = shell.run("upload", table, "--wait", "--save", "results")

    assert code == 0, err
    assert out.startswith("Completed: 2 of 2 images; ")
    assert "Uploaded products.csv: 1 rows, 2 images" in err
    assert "2 of 2 images" in err
    assert [path.name for path in (shell.folder / "results").iterdir()] == ["products-output.csv"]
    assert "Output Image Urls" in (shell.folder / "results" / "products-output.csv").read_text()


def test_failed_images_stand_in_a_table(shell: Shell, origin: Origin) -> None:
    missing = origin.on("/client-missing.jpg", content(status=404))
    table = shell.table(("Cup", *photo_urls(origin, 1)), ("Mug", missing))

    code, out, _ = shell.run("upload", table, "--wait")

    assert code == 1
    assert out.splitlines()[2].split() == ["ROW", "SKU", "URL", "CODE", "WHAT", "HAPPENED"]
    assert out.splitlines()[3].split(maxsplit=4) == [
        *("2", "2", missing, "http_404"),
        "The server answered 404 Not Found.",
    ]


def test_a_refused_table_says_where_it_is_wrong(shell: Shell) -> None:
    table = shell.table(("Cup", "ftp://shop.example/cup.jpg"))

    code, out, err = shell.run("upload", table)

    assert (code, out) == (3, "")
    assert "The service refused (invalid_csv):" in err
    assert "row 1, line 2, column Input Image Urls: “ftp://shop.example/cup.jpg” begins with" in err


def test_options_reach_the_service_which_knows_the_wrong_ones(
    shell: Shell, system: System, origin: Origin
) -> None:
    table = shell.table(("Cup", *photo_urls(origin, 1)))

    code, out, _ = shell.run(
        *("upload", table, "--reduce-by", "60", "--option", "format=webp", "--json")
    )
    refused, problem, err = shell.run("upload", table, "--option", "reduce=60", "--json")

    options = system.status(json.loads(out)["request_id"])["options"]
    assert code == 0
    assert (options["reduce_by"], options["format"]) == (60, "webp")
    assert (refused, json.loads(problem)["code"]) == (3, "unknown_field")
    assert "did you mean reduce_by?" in err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["upload"],
        ["upload", "nowhere.csv"],
        ["upload", "client.py", "--option", "format"],
        ["upload", "client.py", "--save", "results"],
        ["status", "../healthz"],
        ["download", ID, "everything"],
    ],
)
def test_wrong_usage_is_said(shell: Shell, arguments: list[str]) -> None:
    code, out, err = shell.run(*arguments)

    assert (code, out) == (2, "")
    assert err


def test_a_service_that_is_not_there(tmp_path: Path) -> None:
    shell = Shell(tmp_path, f"http://127.0.0.1:{closed_port()}")
    table = shell.table(("Cup", "http://127.0.0.1:1/cup.jpg"))

    code, out, err = shell.run("upload", table, "--patience", "1", "--idempotency-key", "mine")

    assert (code, out) == (4, "")
    assert "Connection refused" in err
    assert "--idempotency-key mine" in err


def test_json_is_the_service_s_and_alone_on_stdout(
    shell: Shell, system: System, origin: Origin
) -> None:
    table = shell.table(("Cup", *photo_urls(origin, 1)))

    code, out, _ = shell.run("upload", table, "--wait", "--json")
    status = json.loads(out)
    request_id = status["request_id"]

    assert code == 0
    assert status == system.get(f"/status/{request_id}?limit=1000").json()
    _, listed, _ = shell.run("list", "--json", "--limit", "3")
    assert json.loads(listed) == system.get("/requests?limit=3").json()


def test_an_upload_whose_answer_is_lost_is_one_request(
    system: System, origin: Origin, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, origin.url(""))
    origin.on("/upload", passed_on(system, is_lost=True), passed_on(system))
    (tmp_path / "lost.csv").write_text(csv_of(("Cup", *photo_urls(origin, 1))))

    code, out, _ = shell.run("upload", "lost.csv")

    listed = system.get("/requests?q=lost.csv").json()["requests"]
    assert code == 0
    assert origin.hits["/upload"] == 2
    assert [each["request_id"] for each in listed] == [out.strip()]


def passed_on(system: System, *, is_lost: bool = False) -> Response:
    """The service's answer to the upload that came here."""

    def respond(handler: Handler) -> None:
        received = handler.server.origin.received[-1]
        kept = {name: received.headers[name] for name in ("Content-Type", "Idempotency-Key")}
        url = f"{system.url}/upload"
        made = requests.post(url, data=received.body, headers=kept, timeout=PATIENCE)
        if is_lost:
            handler.close_connection = True
        else:
            content(made.content, status=made.status_code)(handler)

    return respond


def test_waiting_outlasts_a_restart_of_the_service(
    own_system: OwnSystem, origin: Origin, tmp_path: Path
) -> None:
    system = own_system()
    system.stop("worker")
    shell = Shell(tmp_path, system.url)
    request_id = system.accepted(csv_of(("Cup", *photo_urls(origin, 1))))

    with shell.start("status", request_id, "--wait") as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "0 of 1 images\n"
        system.stop("api")
        assert "Trying again" in process.stderr.readline() + process.stderr.readline()
        system.start_api()
        system.start_worker()
        out, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    assert out.startswith("Completed: 1 of 1 images")


def test_ctrl_c_says_how_to_go_on(unattended: System, origin: Origin, tmp_path: Path) -> None:
    shell = Shell(tmp_path, unattended.url)
    table = shell.table(("Cup", *photo_urls(origin, 1)))

    with shell.start("upload", table, "--wait") as process:
        assert process.stderr is not None
        process.stderr.readline()
        assert process.stderr.readline() == "0 of 1 images\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    request_id = unattended.get("/requests").json()["requests"][0]["request_id"]
    assert f"python client.py status {request_id} --wait" in err
    assert shell.run("status", request_id)[:2] == (5, "Pending: 0 of 1 images\n")


def test_failed_images_are_tried_again(shell: Shell, origin: Origin) -> None:
    (good,) = photo_urls(origin, 1)
    later = origin.on("/client-later.jpg", content(status=404), redirect(good))
    _, out, _ = shell.run("upload", shell.table(("Cup", later)), "--wait", "--json")
    request_id = json.loads(out)["request_id"]

    code, out, err = shell.run("retry", request_id, "--wait")

    assert code == 0
    assert "1 images are retried" in err
    assert out.startswith("Completed: 1 of 1 images; ")


def test_a_request_is_cancelled_listed_and_deleted(
    unattended: System, origin: Origin, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, unattended.url)
    _, out, _ = shell.run("upload", shell.table(("Cup", *photo_urls(origin, 2))))
    request_id = out.strip()

    assert shell.run("cancel", request_id)[:2] == (0, "2 images are cancelled\n")
    _, listed, _ = shell.run("list", "--q", "products", "--limit", "1")
    assert listed.splitlines()[1].split()[0] == request_id
    assert listed.splitlines()[1].split()[2:4] == ["0/2", "2"]
    assert shell.run("delete", request_id)[0] == 0
    code, _, err = shell.run("status", request_id)
    assert code == 3
    assert "request_not_found" in err


def test_a_file_is_downloaded(shell: Shell, origin: Origin) -> None:
    _, out, _ = shell.run(
        "upload", shell.table(("Cup", *photo_urls(origin, 1))), "--wait", "--json"
    )
    request_id = json.loads(out)["request_id"]

    code, out, _ = shell.run("download", request_id, "--save", "files/here")

    assert (code, out) == (0, "files/here/products-output.csv\n")
    assert (shell.folder / out.strip()).is_file()


def test_a_workbook_is_uploaded_and_comes_back_as_one(shell: Shell, origin: Origin) -> None:
    rows = [["Name", "Price", "Image"], ["Cup", "=1+1", photo_urls(origin, 1)[0]]]
    (shell.folder / "products.xlsx").write_bytes(workbook(rows))
    _, out, err = shell.run("upload", "products.xlsx", "--wait", "--json")
    request_id = json.loads(out)["request_id"]

    assert "formulas whose values the workbook does not carry: 1" in err
    for kind in ("output", "import"):
        code, out, _ = shell.run("download", request_id, f"{kind}.xlsx")
        assert (code, out) == (0, f"products-{kind}.xlsx\n")
        header, row = cells_of((shell.folder / out.strip()).read_bytes())
        assert (header[:3], row[0]) == (rows[0], "Cup")


def test_a_table_is_fetched_from_its_address(shell: Shell, origin: Origin) -> None:
    table = csv_of(("Cup", *photo_urls(origin, 1))).encode()
    url = origin.on("/nightly.csv", content(table))

    code, out, err = shell.run("upload", url, "--option", "names=sku", "--wait")

    assert (code, err.splitlines()[0]) == (0, f"Uploaded {url}: 1 rows, 1 images")
    assert out.startswith("Completed: 1 of 1 images")
    code, _, err = shell.run("upload", f"{url}.gone")
    assert (code, "source_unreachable" in err) == (3, True)


def test_what_an_importer_would_refuse_is_said_before_the_import(
    shell: Shell, origin: Origin
) -> None:
    table = shell.table(("Cup", *photo_urls(origin, 1)))
    _, out, _ = shell.run("upload", table, "--for", "magento", "--wait", "--json")
    request_id = json.loads(out)["request_id"]

    code, shown, _ = shell.run("import-check", request_id, "--target", "ebay")

    assert (code, shown.splitlines()[0]) == (1, "1 image checked for ebay: 3 findings")
    assert "not_https" in shown
    assert "- Use the action Revise" in shown
    found = json.loads(shell.run("import-check", request_id, "--json")[1])
    assert (found["target"], found["checked"]) == ("magento", 1)
    assert shell.run("import-check", request_id, "--target", "nowhere")[0] == 3


def test_a_folder_that_cannot_be_written(shell: Shell, origin: Origin) -> None:
    _, out, _ = shell.run(
        "upload", shell.table(("Cup", *photo_urls(origin, 1))), "--wait", "--json"
    )

    code, _, err = shell.run("download", json.loads(out)["request_id"], "--save", "products.csv")

    assert code == 6
    assert "cannot be written" in err


def test_a_terminal_shows_a_bar(shell: Shell, origin: Origin) -> None:
    table = shell.table(("Cup", *photo_urls(origin, 1)))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))

    with shell.start("upload", table, "--wait", stderr=theirs) as process:
        os.close(theirs)
        shown = ""
        while piece := read(ours):
            shown += piece
        process.wait(PATIENCE)
    os.close(ours)

    assert process.returncode == 0
    assert "100%|" in shown


def read(terminal: int) -> str:
    """What a terminal shows next; empty when the program behind it has ended."""
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:
        return ""


# --- what is not trusted ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../evil.csv", "/root/evil.csv", ".profile", "run.sh", ""])
def test_a_file_gets_no_path_from_the_service(fake: tuple[Origin, Shell], name: str) -> None:
    service, shell = fake
    header = {"Content-Disposition": f'attachment; filename="{name}"'}
    service.on(f"/processed_images/{ID}/output.csv", content(b"a,b\n", headers=header))

    code, out, _ = shell.run("download", ID, "--save", "files")

    assert (code, out) == (0, f"files/{ID}-output.csv\n")


def test_a_download_that_breaks_off_leaves_nothing(fake: tuple[Origin, Shell]) -> None:
    service, shell = fake
    service.on(f"/processed_images/{ID}/output.csv", short_body(b"a,b\n"))

    code, _, err = shell.run("download", ID, "--save", "files")

    assert code == 4
    assert "broke off" in err
    assert list((shell.folder / "files").iterdir()) == []


def test_the_key_is_sent_and_not_to_where_a_redirect_leads(fake: tuple[Origin, Shell]) -> None:
    service, shell = fake
    shell.environment["IMAGE_SERVICE_KEY"] = "img_a_b"
    service.on("/requests", redirect("/elsewhere"))

    code, _, err = shell.run("list")

    assert code == 4
    assert "set IMAGE_SERVICE_URL to /elsewhere" in err
    assert [each.headers["Authorization"] for each in service.received] == ["Bearer img_a_b"]


def test_retry_after_is_honoured(fake: tuple[Origin, Shell]) -> None:
    service, shell = fake
    service.on("/requests", retry_later("1"), content(answer(requests=[], next=None)))

    code, out, err = shell.run("list")

    assert (code, out.split()[0]) == (0, "ID")
    assert "Trying again" in err


def test_a_limit_that_lasts_longer_than_the_patience(fake: tuple[Origin, Shell]) -> None:
    service, shell = fake
    service.on("/requests", retry_later("3600"))

    assert shell.run("list")[0] == 3


def test_another_service_at_the_address(fake: tuple[Origin, Shell]) -> None:
    service, shell = fake
    service.on("/requests", content(b"<html>Welcome to nginx!</html>"))

    code, _, err = shell.run("list")

    assert code == 4
    assert "is another service" in err


@pytest.mark.parametrize("command", ["list", "upload", "download"])
@pytest.mark.parametrize("status", [200, 404, 405, 500])
def test_another_server_is_told_by_one_code_whatever_it_answers(
    fake: tuple[Origin, Shell], command: str, status: int
) -> None:
    service, shell = fake
    page = content(b"<html>", status=status, headers={"Content-Type": "text/html"})
    for path in ("/requests", "/upload", f"/processed_images/{ID}/output.csv"):
        service.on(path, page)
    arguments = {"upload": [shell.table(("Cup", "https://a/1"))], "download": [ID]}

    code, _, err = shell.run(command, *arguments.get(command, []))

    assert (code, f"is another service ({status})" in err) == (4, True)


def test_a_service_of_another_version(fake: tuple[Origin, Shell]) -> None:
    service, shell = fake
    service.on("/requests", content(answer(jobs=[])))

    code, _, err = shell.run("list")

    assert code == 4
    assert "lacks 'requests'" in err


def test_what_the_service_says_moves_no_cursor(fake: tuple[Origin, Shell]) -> None:
    service, shell = fake
    service.on("/requests", content(answer(detail="\x1b[2Jgone"), status=400))

    assert "\x1b" not in shell.run("list")[2]


def test_a_server_that_speaks_no_http(fake: tuple[Origin, Shell]) -> None:
    service, shell = fake
    service.on("/requests", raw(b"SSH-2.0-OpenSSH_9.9\r\n"))

    assert shell.run("list", "--patience", "1")[0] == 4


@pytest.mark.parametrize(
    ("url", "key"), [("images.example", ""), ("https://images.example", "img_ä")]
)
def test_an_address_or_a_key_that_cannot_be_used(tmp_path: Path, url: str, key: str) -> None:
    shell = Shell(tmp_path, url)
    shell.environment["IMAGE_SERVICE_KEY"] = key

    code, _, err = shell.run("list")

    assert code == 2
    assert "IMAGE_SERVICE_" in err

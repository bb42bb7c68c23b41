"""The commands that README and docs show, run as they stand there against a running service."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.test_api_keys import new_user
from tests.acceptance.test_webhook import notified
from tests.conftest import photo_urls, server_url
from tests.origin import Origin, content
from tests.system import PATIENCE, ROOT, System, csv_of

OwnSystem = Callable[..., System]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
BLOCK = re.compile(r"^ *```(sh|console)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
RUN = re.compile(
    r"(ID=\$\()?(curl|gzip|printf|python client\.py|make (key|keys|revoke|backup|restore|verify)\b)"
)
# Other tests start the service and its programs; these change the machine, or need another one.
NOT_RUN = re.compile(
    r"make (demo|run|schema|migrate|sqlserver-check|test)\b|celery|python3? (-m|app\.py)|nginx|npx"
    r"|docker|export|mkdir|pip|opentelemetry-|envsubst|sqlite3|rsync|aws|[A-Z_]+=|$"
)
REFUSED = {  # what a command holds whose answer is a refusal, and its words
    "ftp://x/1.jpg": "invalid_csv",
    "docs.google.com": "source_unreachable",  # nobody has such a sheet
    "make restore": "is in use: stop the service first",
}


def commands_of(document: Path) -> list[str]:
    """The command lines of a document: all of a block of sh, those with a prompt of a console."""
    found = []
    for language, block in BLOCK.findall(document.read_text()):
        lines = re.sub(r"\\\n *", " ", block).splitlines()
        if language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        found += [line.strip() for line in lines]
    return found


def at_work(document: Path) -> list[str]:
    return [command for command in commands_of(document) if RUN.match(command)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_is_run_or_known_not_to_be(document: Path) -> None:
    for command in commands_of(document):
        assert RUN.match(command) or NOT_RUN.match(command), command


@pytest.mark.skipif(server_url() is not None, reason="the documents show the embedded database")
@pytest.mark.parametrize(
    "document", [each for each in DOCUMENTS if at_work(each)], ids=lambda path: path.name
)
def test_the_commands_of_a_document_do_what_they_say(
    document: Path, own_system: OwnSystem, origin: Origin, tmp_path: Path
) -> None:
    documented = own_system()  # commands pause all work, and make keys
    hook = origin.on(f"/hook-{document.stem}", content())
    table = csv_of(("Cup", *photo_urls(origin, 2)))
    request_id = documented.accepted(table, webhook_url=hook, **{"for": "shopify"})
    notified(documented, request_id)
    set_up(tmp_path, table)
    key = new_user(documented).key

    for command in at_work(document):
        script = as_here(command, documented.url, request_id, hook, tmp_path)
        code, output = run_here(script, tmp_path, documented, ID=request_id, KEY=key)

        refusal = next((words for part, words in REFUSED.items() if part in command), None)
        assert (code == 0) is (refusal is None), f"{script}\n{output}"
        assert (refusal or "") in output, script


def set_up(folder: Path, table: str) -> None:
    """The files that commands name, and a curl that says nothing of its progress and fails."""
    (folder / "samples").mkdir()
    for name in ("products.csv", "export.csv", "samples/products.csv"):
        (folder / name).write_text(table)
    (folder / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")


def as_here(command: str, url: str, request_id: str, hook: str, folder: Path) -> str:
    """The command with this service, this job and these folders in place of the document's."""
    for shown, here in {
        "http://127.0.0.1:5000": url,
        "https://images.example": url,
        "7cbccea0-7f7b-4a92-958c-9671b54beafc": request_id,
        "https://…": hook,
        "/backups": str(folder),
        " | jq -r .request_id": "",
        "python client.py": f"python {ROOT}/client.py",
        "make ": f"make -s -C {ROOT} ",
    }.items():
        command = command.replace(shown, here)
    return command


def run_here(script: str, folder: Path, system: System, **variables: str) -> tuple[int, str]:
    environment = {
        **os.environ,  # noqa: TID251 - passed on
        **system.environment,
        "CURL_HOME": str(folder),
        "IMAGE_SERVICE_URL": system.url,
        "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}",  # noqa: TID251 - passed on
    }
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],  # noqa: S607
        cwd=folder,
        env={**environment, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout

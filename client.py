#!/usr/bin/env python3
"""The image service from the shell: upload a table, wait, see what failed, get the files.

    export IMAGE_SERVICE_URL=https://images.example IMAGE_SERVICE_KEY=img_…
    python client.py upload products.csv --wait --save results
    python client.py upload https://shop.example/export.csv --for shopify --wait
    python client.py import-check ID --target shopify
    python client.py status ID --wait          # go on waiting
    python client.py retry ID --wait           # the failed images again

This one file is all of it: copy it anywhere. It needs Python 3.9 and `requests`; with `tqdm`, a
terminal shows a progress bar. Exit codes: 0 all images are done (or the command did what it says),
1 some images failed, 2 wrong usage, 3 the service refused, 4 the service cannot be reached, or what
answers is another server, 5 the request is not done yet, 6 a file cannot be written here,
130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import email.utils
import importlib
import ipaddress
import json
import os
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

import requests

DONE, SOME_FAILED, USAGE, REFUSED, UNREACHABLE, NOT_DONE, NOT_SAVED = range(7)
INTERRUPTED = 130

DEFAULT_URL = "http://127.0.0.1:5000"
TIMEOUT = (10, 60)  # seconds to connect, and between two bytes
UPLOAD_TIMEOUT = (10, 300)  # the largest upload takes a while to store
PATIENCE_SECONDS = 120.0  # that the service may be away before it is given up
FIRST_WAIT, MAX_WAIT = 0.5, 20.0  # between attempts, doubled with each
POLL_SECONDS = 2.0  # where the service does not say how long to wait
PAGE = 1000
MAX_SHOWN = 50  # failures of the table, and errors of a refused upload
FILES = {
    "output": "output.csv",
    "import": "import.csv",
    "report": "report.csv",
    "failed": "failed.csv",
    "zip": "images.zip",
    "output.xlsx": "output.xlsx",
    "import.xlsx": "import.xlsx",
}
OPTIONS = {  # of an upload, each a field of the form
    "for": "the shop that the images are for, such as shopify",
    "reduce-by": "percent to take off, 1 to 95",
    "format": "keep, jpeg, png, webp, avif or compatible",
    "max-width": "pixels",
    "max-height": "pixels",
    "max-bytes": "the most bytes of an image, in place of --reduce-by",
    "keep-dimensions": "1: no image gets fewer pixels than the limits ask for",
    "webhook-url": "where to send the notification",
    "url-column": "the column with the URLs, where its name is not a known one",
}

Json = dict[str, Any]


class Stop(Exception):  # noqa: N818 - it is how the program ends, and not always a mistake
    """Ends the program with a code and what is to be said on stderr."""

    def __init__(self, code: int, message: str, answer: Json | None = None) -> None:
        super().__init__(message)
        self.code, self.answer = code, answer


# --- the service ------------------------------------------------------------------------------


class Service:
    """The HTTP API at one address, tried again while it is away."""

    def __init__(self, url: str, key: str, patience: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Stop(USAGE, "IMAGE_SERVICE_URL must begin with http:// or https://.")
        if not (key.isascii() and key.isprintable()):
            raise Stop(USAGE, "IMAGE_SERVICE_KEY has characters that no key has.")
        self.url, self._key, self._patience = url.rstrip("/"), key, patience
        self._session = requests.Session()
        self._session.auth = self._authorize  # or a .netrc would take the header's place
        is_local = _is_loopback(parts.hostname)
        self._session.trust_env = not is_local  # no proxy leads to this machine
        if key and parts.scheme == "http" and not is_local:
            say(f"The key is sent to {parts.hostname} without encryption: use https://.")

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request

    def get(self, path: str, **parameters: Any) -> Json:
        return self.ask("GET", _with_query(path, parameters))

    def ask(self, method: str, path: str, **options: Any) -> Json:
        """The JSON of a response; raises Stop as fetch() does."""
        return as_json(self.fetch(method, path, **options))

    def fetch(
        self, method: str, path: str, *, repeat: bool = True, **options: Any
    ) -> requests.Response:
        """The response, once it is no reason to try again; raises Stop for one that refuses.

        ``repeat`` says that the same may be asked twice when its answer is lost.
        """
        gives_up_at, wait = time.monotonic() + self._patience, FIRST_WAIT
        while True:
            try:
                response = self._once(method, path, **options)
            except (requests.ConnectionError, requests.Timeout) as error:
                pause, stop = wait, Stop(UNREACHABLE, f"{self.url}: {_reason(error)}")
                if not repeat:
                    raise stop from None
            else:
                if not _may_succeed_later(response):
                    return _checked(response)
                pause, stop = max(wait, retry_after(response) or 0), _refused(response)
            if time.monotonic() + pause > gives_up_at:
                raise stop
            if wait == FIRST_WAIT:
                say(f"{stop}\nTrying again for up to {self._patience:.0f} s …")
            time.sleep(pause)
            wait = min(2 * wait, MAX_WAIT)

    def _once(self, method: str, path: str, **options: Any) -> requests.Response:
        try:  # a redirect is not followed: the key is for this address
            return self._session.request(
                method, self.url + path, allow_redirects=False, **{"timeout": TIMEOUT, **options}
            )
        except requests.exceptions.ChunkedEncodingError as error:  # the connection broke
            raise requests.ConnectionError(error) from error
        except (requests.exceptions.SSLError, ValueError) as error:
            raise Stop(UNREACHABLE, f"{self.url}: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    """The system's words for what went wrong, which are at the bottom of the library's."""
    while error.__context__ is not None:
        error = error.__context__
    return getattr(error, "strerror", None) or plain(str(error))


def _with_query(path: str, parameters: Json) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def as_json(response: requests.Response) -> Json:
    """What the service answered; raises Stop where it was another server."""
    with contextlib.suppress(ValueError):
        answer = response.json()
        if isinstance(answer, dict):
            return answer
    raise _another_server(response)


def _another_server(response: requests.Response) -> Stop:
    where = urlsplit(response.url).netloc
    said = f"What answers at {where} is another service ({response.status_code})."
    return Stop(UNREACHABLE, said)


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _may_succeed_later(response: requests.Response) -> bool:
    is_under_way = response.status_code == 409 and "Retry-After" in response.headers
    return is_under_way or response.status_code in (429, 502, 503, 504)


def retry_after(response: requests.Response) -> float | None:
    """The seconds that a response asks to wait; None where it says nothing that can be read."""
    text = response.headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    with contextlib.suppress(TypeError, ValueError, IndexError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return None


def _checked(response: requests.Response) -> requests.Response:
    if response.is_redirect:
        where = plain(response.headers["Location"])
        to = f"The service is at another address: set IMAGE_SERVICE_URL to {where}"
        raise Stop(UNREACHABLE, to)
    if not response.ok:
        raise _refused(response)
    return response


def _refused(response: requests.Response) -> Stop:
    """What a problem says (RFC 9457): its detail, and each error with its place.

    A refusal without one is not of this service, but of whatever stands at its address.
    """
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        if not _may_succeed_later(response):
            return _another_server(response)
        problem = {}
    detail = problem.get("detail") or f"The service answered {response.status_code}."
    errors = [each for each in problem.get("errors") or [] if isinstance(each, dict)]
    lines = [_error_line(each) for each in errors] if errors else [plain(str(detail))]
    code = plain(str(problem.get("code", response.status_code)))
    shown = "\n".join(f"  {line}" for line in lines[:MAX_SHOWN])
    exit_code = UNREACHABLE if response.status_code in (502, 503, 504) else REFUSED
    return Stop(exit_code, f"The service refused ({code}):\n{shown}", problem or None)


def _error_line(error: Json) -> str:
    named = ("row", "line", "column", "field")
    places = [f"{name} {error[name]}" for name in named if error.get(name) is not None]
    return plain(": ".join(filter(None, [", ".join(places), str(error.get("message", ""))])))


# --- what the commands do ---------------------------------------------------------------------


def upload(service: Service, given: argparse.Namespace) -> int:
    """With an idempotency key: where its answer is lost, it is sent again and counts once."""
    key = given.idempotency_key or str(uuid.uuid4())
    again = f"It may have arrived: send it again with --idempotency-key {key}, and it counts once."
    try:
        answer = _send(service, given, key)
    except KeyboardInterrupt:
        raise Stop(INTERRUPTED, f"\n{again}") from None
    except Stop as stop:
        if stop.code != UNREACHABLE:
            raise
        raise Stop(stop.code, f"{stop}\n{again}", stop.answer) from None
    if "request_id" not in answer:  # such as a dry run
        print(json.dumps(answer, indent=None if given.json else 2, ensure_ascii=False))
        return DONE
    request_id = _own_id(answer["request_id"])
    say(f"Uploaded {_name_of(given.table)}: {answer['rows']} rows, {answer['images']} images")
    for hint in answer.get("hints", ()):
        say(plain(hint))
    if given.wait:
        return _wait_and_show(service, request_id, given)
    show(given, answer, request_id)
    return DONE


def _send(service: Service, given: argparse.Namespace, key: str) -> Json:
    fields, files = _fields(given), None
    if _is_address(given.table):
        fields["source_url"] = given.table
    else:
        files = {"file": (_name_of(given.table), _content(given.table))}
    return service.ask(
        "POST",
        "/upload",
        headers={"Idempotency-Key": key},
        files=files,
        data=fields,
        timeout=UPLOAD_TIMEOUT,
    )


def _is_address(table: str) -> bool:
    return table.lower().startswith(("http://", "https://"))


def _name_of(table: str) -> str:
    return table if _is_address(table) else Path(table).name


def _content(table: str) -> bytes:
    try:
        return Path(table).read_bytes()
    except OSError as error:
        raise Stop(USAGE, f"{table}: {error.strerror}") from None


def _fields(given: argparse.Namespace) -> dict[str, str]:
    named = {name.replace("-", "_"): getattr(given, name.replace("-", "_")) for name in OPTIONS}
    others = dict(text.partition("=")[::2] for text in given.option)
    return {name: value for name, value in {**named, **others}.items() if value is not None}


def status(service: Service, given: argparse.Namespace) -> int:
    request_id = _own_id(given.id)
    if given.wait:
        return _wait_and_show(service, request_id, given)
    return _show_status(service, request_id, given)


def retry(service: Service, given: argparse.Namespace) -> int:
    return _change(service, given, "retry", "retried")


def cancel(service: Service, given: argparse.Namespace) -> int:
    return _change(service, given, "cancel", "cancelled")


def _change(service: Service, given: argparse.Namespace, what: str, counted_as: str) -> int:
    request_id = _own_id(given.id)
    answer = service.ask("POST", f"/requests/{request_id}/{what}", repeat=False)
    if given.wait:
        say(f"{answer[counted_as]} images are {counted_as}")
        return _wait_and_show(service, request_id, given)
    show(given, answer, f"{answer[counted_as]} images are {counted_as}")
    return DONE


def delete(service: Service, given: argparse.Namespace) -> int:
    request_id = _own_id(given.id)
    service.fetch("DELETE", f"/requests/{request_id}", repeat=False)
    say(f"Deleted {request_id}")
    return DONE


def list_requests(service: Service, given: argparse.Namespace) -> int:
    """The newest first; with --json, one page as the service answers it."""
    limit = min(given.limit, PAGE)
    answer = service.get("/requests", status=given.status, q=given.q, limit=limit)
    rows = [("ID", "STATUS", "DONE", "FAILED", "CREATED", "FILE")]
    for each in answer["requests"]:
        counted = each["progress"]
        done = f"{counted['completed']}/{counted['total']}"
        created = each["created_at"][:19].replace("T", " ")
        texts = (each["request_id"], each["status"], done, counted["failed"], created)
        rows.append((*map(str, texts), each["file_name"]))
    show(given, answer, table(rows))
    return DONE


def download(service: Service, given: argparse.Namespace) -> int:
    request_id = _own_id(given.id)
    print(save(service, request_id, given.kind, given.save))
    return DONE


def import_check(service: Service, given: argparse.Namespace) -> int:
    """Fails where the shop's importer would, or may, refuse something."""
    request_id = _own_id(given.id)
    answer = service.get(f"/requests/{request_id}/import-check", target=given.target)
    rows = [("ROW", "CERTAINTY", "RULE", "WHAT THE IMPORTER SAYS")]
    for each in answer["findings"][:MAX_SHOWN]:
        row = "" if each["row"] is None else str(each["row"])
        rows.append((row, each["certainty"], each["rule"], each["message"]))
    found = answer.get("total", len(answer["findings"]))  # an earlier service counted none
    checked = _counted(answer["checked"], "image")
    text = f"{checked} checked for {plain(answer['target'])}: {_counted(found, 'finding')}"
    text += f"\n\n{table(rows)}" if found else ""
    advice = [f"- {plain(sentence)}" for sentence in answer["advice"]]
    show(given, answer, "\n".join([text, "", *advice]))
    return SOME_FAILED if found else DONE


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _own_id(text: str) -> str:
    """A UUID as a path has it; raises Stop for anything else, also where the service says it."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Stop(USAGE, f"{plain(text)!r} is no request id: it is a UUID.") from None


# --- waiting ----------------------------------------------------------------------------------


def _wait_and_show(service: Service, request_id: str, given: argparse.Namespace) -> int:
    try:
        wait(service, request_id)
    except KeyboardInterrupt:
        again = f"python {Path(sys.argv[0]).name} status {request_id} --wait"
        raise Stop(INTERRUPTED, f"\nThe request goes on. To wait again: {again}") from None
    code = _show_status(service, request_id, given)
    if given.save is not None:
        say(f"Saved {save(service, request_id, 'output', given.save)}")
    return code


def wait(service: Service, request_id: str) -> None:
    """Poll until a request is completed, as often as the service asks for."""
    with contextlib.closing(Progress()) as progress:
        while True:
            response = service.fetch("GET", f"/status/{request_id}?limit=1")
            answer = as_json(response)
            progress.show(answer["progress"])
            if answer["status"] == "Completed":
                return
            time.sleep(retry_after(response) or POLL_SECONDS)


class Progress:
    """A bar where stderr is a terminal and tqdm is installed; else a line for each tenth."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._tenth = -1
        with contextlib.suppress(ImportError):
            if sys.stderr.isatty():
                tqdm = importlib.import_module("tqdm").tqdm
                self._bar = tqdm(unit=" images", file=sys.stderr, dynamic_ncols=True)

    def show(self, counted: Json) -> None:
        tenth = int(counted["percent"] // 10)
        if self._bar is not None:
            self._bar.total, self._bar.n = counted["total"], _done(counted)
            self._bar.set_postfix_str(f"{counted['failed']} failed")
        elif tenth != self._tenth:
            say(_in_words(counted))
        self._tenth = tenth

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _done(counted: Json) -> int:
    return int(counted["completed"]) + int(counted["failed"])


def _in_words(counted: Json) -> str:
    failed = f", {counted['failed']} failed" if counted["failed"] else ""
    return f"{_done(counted)} of {counted['total']} images{failed}"


# --- what is shown and saved ------------------------------------------------------------------


def _show_status(service: Service, request_id: str, given: argparse.Namespace) -> int:
    answer = service.get(f"/status/{request_id}", limit=PAGE if given.json else 1)
    counted, saved = answer["progress"], answer["saved_percent"]
    bytes_saved = f"; {saved} % of {answer['bytes_in']:,} bytes saved" if saved is not None else ""
    text = f"{plain(answer['status'])}: {_in_words(counted)}{bytes_saved}"
    if counted["failed"] and not given.json:
        text += f"\n\n{_failures(service, request_id, counted['failed'])}"
    show(given, answer, text)
    if answer["status"] != "Completed":
        return NOT_DONE
    return SOME_FAILED if counted["failed"] else DONE


def _failures(service: Service, request_id: str, total: int) -> str:
    answer = service.get(f"/status/{request_id}", status="Failed", limit=MAX_SHOWN)
    rows = [("ROW", "SKU", "URL", "CODE", "WHAT HAPPENED")]
    for image in answer["images"]:
        error = image["error"] or {"code": "", "message": ""}
        texts = (str(image["row"]), image["serial_number"] or "", image["input_url"])
        rows.append((*texts, error["code"], error["message"]))
    more = f"\n… and {total - len(rows) + 1} more" if total >= len(rows) else ""
    return table(rows) + more


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns under each other; the last one is as wide as it likes."""
    cleaned = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cleaned)][:-1]  # noqa: B905 - Python 3.9
    lines = (
        [*(cell.ljust(width) for cell, width in zip(row, widths)), row[-1]]  # noqa: B905
        for row in cleaned
    )
    return "\n".join("  ".join(line).rstrip() for line in lines)


def save(service: Service, request_id: str, kind: str, folder: Path) -> Path:
    """One of a request's files in ``folder``, whole or not at all; the path that it has then."""
    name = FILES[kind]
    response = service.fetch("GET", f"/processed_images/{request_id}/{name}", stream=True)
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise _another_server(response)
    path = folder / _local_name(response, request_id, name)
    unfinished = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with unfinished.open("xb") as file:
            for piece in _pieces(response):
                file.write(piece)
        unfinished.replace(path)
    except OSError as error:
        raise Stop(NOT_SAVED, f"{path} cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
    return path


def _pieces(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_content(64 * 1024)
    except requests.RequestException as error:  # which is an OSError, too
        raise Stop(UNREACHABLE, f"The download broke off: {error}") from None


def _local_name(response: requests.Response, request_id: str, name: str) -> str:
    """What the service calls the file, if that is a plain name of the right kind."""
    header = response.headers.get("Content-Disposition", "")
    called = re.search(r'filename="?([\w][\w. -]{0,100})"?', header, re.ASCII)
    if called and called[1].endswith(Path(name).suffix):
        return called[1]
    return f"{request_id}-{name}"


def plain(text: str) -> str:
    """A text without what could move a terminal's cursor, or worse."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def show(given: argparse.Namespace, answer: Json, text: str) -> None:
    """The result, on stdout: as the service's JSON, or in words."""
    print(json.dumps(answer, ensure_ascii=False) if given.json else text, flush=True)


# --- the command line -------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    whole.set_defaults(wait=False, save=None, json=False)
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    _upload_options(_command(commands, "upload", upload, "upload a CSV"))
    for name, run, words in (
        ("status", status, "how far a request is, and what failed"),
        ("retry", retry, "try the failed images again"),
        ("cancel", cancel, "end what is not done yet"),
        ("delete", delete, "delete a request with its files"),
        ("download", download, "save a file of a request"),
        ("import-check", import_check, "what a shop's importer would refuse of a request"),
    ):
        _command(commands, name, run, words).add_argument("id", metavar="ID")
    _list_options(_command(commands, "list", list_requests, "the requests, newest first"))
    for name in ("upload", "status", "retry", "cancel"):
        _waiting_options(commands.choices[name])
    for name in ("upload", "status", "retry", "cancel", "list", "import-check"):
        only = "only the service's JSON on stdout"
        commands.choices[name].add_argument("--json", action="store_true", help=only)
    _download_options(commands.choices["download"])
    shop = "such as shopify; that of the upload's --for if not given"
    commands.choices["import-check"].add_argument("--target", metavar="SHOP", help=shop)
    return whole


def _command(
    commands: Any, name: str, run: Callable[..., int], words: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    command.set_defaults(run=run)
    command.add_argument(
        "--patience",
        type=float,
        default=PATIENCE_SECONDS,
        metavar="SECONDS",
        help=f"that the service may be away, {PATIENCE_SECONDS:.0f} if not given",
    )
    return command


def _upload_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("table", metavar="FILE", help="or the http(s) address of one")
    for name, words in OPTIONS.items():
        command.add_argument(f"--{name}", help=words, metavar="VALUE")
    command.add_argument(
        "--option", action="append", default=[], type=_pair, metavar="NAME=VALUE", help="any other"
    )
    command.add_argument("--idempotency-key", metavar="KEY", help="made anew if not given")


def _pair(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError("must be NAME=VALUE")
    return text


def _waiting_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--wait", action="store_true", help="until the request is completed")
    command.add_argument("--save", type=Path, metavar="FOLDER", help="the output CSV, after --wait")


def _list_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--status", help="Pending, Processing or Completed")
    command.add_argument("--q", help="a part of the file's name")
    command.add_argument("--limit", type=int, default=20, help="20 if not given; 1000 at most")


def _download_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("kind", nargs="?", choices=FILES, default="output")
    command.add_argument("--save", type=Path, default=Path(), metavar="FOLDER")
    command.set_defaults(wait=True)


def main() -> NoReturn:
    whole = parser()
    given = whole.parse_args()
    if given.save is not None and not given.wait:
        whole.error("--save comes with --wait; or see: download --help")
    try:
        code = _run(given)
    except Stop as stop:
        if given.json and stop.answer is not None:
            print(json.dumps(stop.answer, ensure_ascii=False))
        say(str(stop))
        code = stop.code
    except KeyError as missing:
        say(f"The service's answer lacks {missing}: it is of another version than this client.")
        code = UNREACHABLE
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.exit(code)


def _run(given: argparse.Namespace) -> int:
    url = os.environ.get("IMAGE_SERVICE_URL") or DEFAULT_URL
    key = os.environ.get("IMAGE_SERVICE_KEY", "").strip()
    service = Service(url, key, given.patience)
    code: int = given.run(service, given)
    return code


if __name__ == "__main__":
    main()

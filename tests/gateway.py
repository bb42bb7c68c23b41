"""The gateway of gateway/nginx.conf, on a port of its own."""

from __future__ import annotations

import os
import shutil
import string
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import requests

from tests.system import PATIENCE, ROOT, eventually, free_port

NGINX = shutil.which("nginx", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin") or "nginx"


class Gateway:
    """nginx in front of an API; its URL is known before it is started."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._folder = folder / "gateway"
        (self._folder / "conf.d").mkdir(parents=True)

    @contextmanager
    def serving(
        self, api: str, files: Path, *, max_upload_bytes: int, extra: str = ""
    ) -> Iterator[Self]:
        """Serve an API, as ``host:port``; ``extra`` are lines for conf.d.

        ``files`` is the folder that contains ``processed_images``.
        """
        (self._folder / "conf.d" / "extra.conf").write_text(extra)
        values = {
            "API": api,
            "FILES": str(files),
            "GATEWAY": str(self._folder),
            "LISTEN": f"127.0.0.1:{self._port}",
            "MAX_UPLOAD_BYTES": str(max_upload_bytes),
            "RESOLVER": "127.0.0.1",  # asked for nothing: the API stands there as an address
            "STATE": str(self._folder),
        }
        file = self._folder / "nginx.conf"
        file.write_text(filled_in(values))
        user = "user root; " if os.geteuid() == 0 else ""  # the folders of tests are closed
        command = [NGINX, "-c", str(file), "-g", f"{user}daemon off;"]
        with (self._folder / "nginx.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                eventually(self._answers)
                yield self
            finally:
                self._process.terminate()
                self._process.wait(PATIENCE)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "nginx.log").read_text()
        with suppress(requests.RequestException):
            return bool(requests.get(f"{self.url}/healthz", timeout=5).status_code)
        return False

    def pids(self) -> list[int]:
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *map(int, children)]


def filled_in(values: dict[str, str]) -> str:
    """The file as envsubst fills it in; nginx's own variables have no braces."""
    template = string.Template((ROOT / "gateway" / "nginx.conf").read_text())
    return template.safe_substitute(values)

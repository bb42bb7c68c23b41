"""A real S3 server on loopback: SeaweedFS, which its wheel brings along as one program."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import requests

from tests.system import eventually

ACCESS = {"accessKey": "test", "secretKey": "test-secret"}
PROGRAM = Path(sys.executable).with_name("weed")


KINDS = ("", ".grpc")


def free_ports(number: int) -> list[int]:
    """Different ones: all are held before the first is let go."""
    with ExitStack() as held:
        sockets = [
            held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)
        ]
        return [each.getsockname()[1] for each in sockets]


class S3:
    """Use as a context manager; it holds one empty bucket, ``images``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        parts = [f"{n}.port{kind}" for n in ("master", "volume", "filer", "s3") for kind in KINDS]
        self._ports = dict(zip(parts, free_ports(len(parts)), strict=True))
        self.address = ("127.0.0.1", self._ports["s3.port"])
        self.variables = variables(self.address)

    def __enter__(self) -> Self:
        user = {"name": "test", "credentials": [ACCESS], "actions": ["Admin"]}
        (self._folder / "s3.json").write_text(json.dumps({"identities": [user]}))
        with (self._folder / "s3.log").open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "server", *self._options()], stdout=log, stderr=log
            )
        with ExitStack() as stack:
            stack.callback(self._stop)
            eventually(self._made_bucket)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for port in self._ports.values():
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - it makes them there
                left.unlink()

    def _options(self) -> list[str]:
        options = {
            "dir": self._folder,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "s3": "true",
            "s3.config": self._folder / "s3.json",
            "s3.autoCreateBucket": "false",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 64,
            "volume.max": 100,
            **self._ports,
        }
        return [f"-{name}={value}" for name, value in options.items()]

    def _made_bucket(self) -> bool:
        """The gateway listens last; a folder of the filer's is a bucket."""
        filer = f"http://127.0.0.1:{self._ports['filer.port']}/buckets/images/"
        try:
            requests.get("http://{}:{}/".format(*self.address), timeout=5)
            return requests.post(filer, timeout=5).ok
        except requests.RequestException:
            return False

    def hang(self) -> None:
        """Take connections and never answer, until ``go_on``."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)


def variables(address: tuple[str, int]) -> dict[str, str]:
    """What a user sets for a server of their own at this address."""
    return {
        "STORAGE_URL": "s3://images/some/prefix",
        "AWS_ENDPOINT_URL": "http://{}:{}".format(*address),
        "AWS_ACCESS_KEY_ID": ACCESS["accessKey"],
        "AWS_SECRET_ACCESS_KEY": ACCESS["secretKey"],
        "AWS_REGION": "us-east-1",
    }

"""A Flask route that does nothing, on the same server as the system.

HOST=127.0.0.1 PORT=5001 python -m benchmarks.bare_flask
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, jsonify

from app import Server

bare = Flask(__name__)


@bare.get("/")
def index() -> Response:
    return jsonify(status="ok")


class BareServer(Server):
    def load(self) -> Any:
        return bare


if __name__ == "__main__":
    BareServer().run()

"""A Flask route that does nothing, on the same server as the system.

HOST=127.0.0.1 PORT=5001 python -m benchmarks.bare_flask
"""

from __future__ import annotations

from flask import Flask, Response, jsonify

import http_server
import settings

bare = Flask(__name__)


@bare.get("/")
def index() -> Response:
    return jsonify(status="ok")


if __name__ == "__main__":
    chosen = settings.load()
    listener = http_server.listen(chosen.host, chosen.port)
    http_server.serve(lambda: bare, listener, chosen.max_upload_bytes)

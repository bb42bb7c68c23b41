"""The functions of docs/webhooks.md, as they stand there, verify what the service really sends."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
import requests
import standardwebhooks

from tests.acceptance.conftest import SECRET
from tests.acceptance.test_webhook import received
from tests.origin import Origin, content
from tests.system import PATIENCE, ROOT, System

DOCUMENT = (ROOT / "docs" / "webhooks.md").read_text()


class Language(NamedTuple):
    """How an example is run: the program, and what calls its function with what stands in stdin."""

    program: str
    option: str
    call: str


LANGUAGES = {
    "python": Language(
        sys.executable,
        "-c",
        """
import json, sys
given = json.load(sys.stdin)
print(is_genuine(given["secret"], given["headers"], base64.b64decode(given["body"])))
""",
    ),
    "js": Language(
        "node",
        "-e",
        """
const given = JSON.parse(require("node:fs").readFileSync(0));
console.log(isGenuine(given.secret, given.headers, Buffer.from(given.body, "base64")));
""",
    ),
    "php": Language(
        "php",
        "-r",
        """
$given = json_decode(file_get_contents("php://stdin"), true);
$body = base64_decode($given["body"]);
echo is_genuine($given["secret"], $given["headers"], $body) ? "true" : "false";
""",
    ),
}


class Delivery(NamedTuple):
    """A notification as it came."""

    headers: dict[str, str]
    body: bytes


@pytest.fixture
def delivery(system: System, origin: Origin) -> Delivery:
    hook = origin.on("/hook-example", content())
    requests.post(f"{system.url}/webhooks/test", {"webhook_url": hook}, timeout=PATIENCE)
    request = received(origin, "/hook-example")[-1]
    return Delivery({name.lower(): value for name, value in request.headers.items()}, request.body)


def is_genuine(language: str, delivery: Delivery, secret: str = SECRET) -> bool:
    """What the example of a language says."""
    (example,) = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    program, option, call = LANGUAGES[language]
    found = shutil.which(program)
    assert found, f"make needs installs {program}"
    body = base64.b64encode(delivery.body).decode()
    done = subprocess.run(
        [found, option, example + call],
        input=json.dumps({"secret": secret, "headers": delivery.headers, "body": body}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().lower() in ("true", "false"), done.stdout
    return done.stdout.strip().lower() == "true"


def sent_at(moment: datetime, delivery: Delivery) -> Delivery:
    """The same, signed as at that moment."""
    message_id, body = delivery.headers["webhook-id"], delivery.body.decode()
    signature = standardwebhooks.Webhook(SECRET).sign(message_id, moment, body)
    changed = {
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }
    return delivery._replace(headers={**delivery.headers, **changed})


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_true_notification_is_accepted_and_no_other(language: str, delivery: Delivery) -> None:
    now = datetime.now(UTC)
    replaced = {**delivery.headers, "webhook-id": "msg_of_another"}
    unsigned = {k: v for k, v in delivery.headers.items() if k != "webhook-signature"}
    signatures = f"v1,AAAA {delivery.headers['webhook-signature']}"
    two = {**delivery.headers, "webhook-signature": signatures}

    assert is_genuine(language, delivery)
    assert is_genuine(language, delivery._replace(headers=two))
    assert is_genuine(language, sent_at(now - timedelta(minutes=4), delivery))
    assert not is_genuine(language, delivery._replace(body=delivery.body + b" "))
    assert not is_genuine(language, delivery._replace(headers=replaced))
    assert not is_genuine(language, delivery._replace(headers=unsigned))
    assert not is_genuine(language, delivery._replace(headers={}))
    assert not is_genuine(language, delivery, secret="whsec_" + SECRET[6:].swapcase())
    assert not is_genuine(language, sent_at(now - timedelta(minutes=6), delivery))
    assert not is_genuine(language, sent_at(now + timedelta(minutes=6), delivery))

"""The whole description: what stands at its head, the routes, and the parts that they share."""

from __future__ import annotations

import json
from typing import Any

from api.openapi import errors, examples, inputs, schemas
from api.openapi.operations import PATHS

ABOUT = """\
Upload a CSV of products with image URLs; get the same CSV back with every image at half its bytes \
or less. `POST /upload` answers with a request id at once; `GET /status/{request_id}` says how far \
it is, and a webhook tells when it is done.

**Errors** are `application/problem+json` (RFC 9457). Their `code` is stable, for programs; their \
`detail` is a sentence, for people. A method that a route does not have is a 405 with `Allow`, a \
route that is not there a 404 `not_found`. Where `Retry-After` comes with an error, asking again \
can help.

**HEAD** is answered as GET is, without a body. A slash at the end of a route changes nothing.

**Sizes** are bounded by the service's settings: an upload to 64 MiB, 200,000 rows and 200,000 \
images, unless its operator says otherwise."""
TAGS = {
    "Jobs": "From the upload to the output CSV.",
    "Webhooks": "A notification tells that a job is done.",
    "Files": "What the links in answers and CSVs lead to.",
    "Operation": "For what watches the service.",
    "Pages": "For a browser, and this description.",
}
KEY = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "img_<prefix>_<secret>",
    "description": "A key of the service, where its operator gives out keys; without them anybody "
    "may call it: `Authorization: Bearer img_…`",
}


def document(base_url: str, version: str) -> dict[str, Any]:
    """The description of the service that is reached at ``base_url``, which its examples name."""
    text = json.dumps(_document(version)).replace(examples.BASE, json.dumps(base_url)[1:-1])
    described: dict[str, Any] = json.loads(text)
    return described


def _document(version: str) -> dict[str, Any]:
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Image service",
            "version": version,
            "summary": "Makes product images smaller",
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": examples.BASE}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": PATHS,
        "webhooks": {"requestCompleted": COMPLETED, "webhookTest": TEST},
        "components": {
            "schemas": schemas.SCHEMAS,
            "parameters": inputs.PARAMETERS,
            "headers": inputs.HEADERS,
            "examples": errors.examples(),
            "securitySchemes": {"key": KEY},
        },
    }


def _webhook(
    operation_id: str, summary: str, description: str, *, schema: str, example: Any
) -> dict[str, Any]:
    content = {"schema": schemas.ref(schema), "examples": {"body": {"value": example}}}
    return {
        "post": {
            "operationId": operation_id,
            "tags": ["Webhooks"],
            "summary": summary,
            "description": description,
            "parameters": [
                _sent_header("webhook-id", "The same in all attempts."),
                _sent_header("webhook-timestamp", "Seconds since 1970, in UTC."),
                _sent_header("webhook-signature", "Where the service has a secret.", False),
            ],
            "requestBody": {"required": True, "content": {"application/json": content}},
            "responses": {
                "2XX": {"description": "It was received."},
                "410": {"description": "It is not to be sent again."},
            },
        }
    }


def _sent_header(name: str, description: str, is_required: bool = True) -> dict[str, Any]:
    schema = {"type": "string"}
    where = {"name": name, "in": "header", "required": is_required}
    return {**where, "schema": schema, "description": description}


COMPLETED = _webhook(
    "onRequestCompleted",
    "A request is completed",
    "Sent to the upload's `webhook_url`, by the Standard Webhooks rules. Any 2xx is success, 410 "
    "ends the attempts, a redirect is not followed; all else is tried again after 5 s, 1 min, "
    "5 min, 30 min, 2 h and 8 h, unless the operator says otherwise.",
    schema="RequestCompleted",
    example=examples.COMPLETED,
)
TEST = _webhook(
    "onWebhookTest",
    "A receiver is tried",
    "Sent once by `POST /webhooks/test`.",
    schema="WebhookTest",
    example=examples.TEST,
)

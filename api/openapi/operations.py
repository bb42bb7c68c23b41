"""Every route: what it takes, what it answers, and how it is called with curl."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from api.openapi import errors, examples, inputs, schemas
from api.openapi.examples import BASE, ID
from storage import (
    FAILED_CSV,
    IMAGE_TYPES,
    IMAGES_ZIP,
    IMPORT_CSV,
    IMPORT_XLSX,
    OUTPUT_XLSX,
    REPORT_CSV,
    XLSX_TYPE,
    content_type,
)

Json = dict[str, Any]

OF_A_FILE = ("ETag", "Cache-Control", "Last-Modified")
METRICS = ("text/plain", "application/openmetrics-text")
OPTION_ERRORS = tuple(f"invalid_{name}" for name in inputs.OPTIONS)


def _operation(
    operation_id: str,
    tag: str,
    summary: str,
    description: str,
    responses: Json,
    *,
    parameters: Iterable[str] = (),
    body: Json | None = None,
    problems: Iterable[str] = (),
    curl: str,
) -> Json:
    return {
        "operationId": operation_id,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in parameters],
        **({"requestBody": {"required": True, "content": body}} if body else {}),
        "responses": {**responses, **errors.responses((*problems, *errors.EVERYWHERE))},
        "x-codeSamples": [{"lang": "Shell", "label": "curl", "source": curl}],
    }


def _with_key(operation: Json) -> Json:
    """An operation of the API: a key may be needed for it."""
    return {**operation, "security": [{}, {"key": []}]}


def _api(*arguments: Any, problems: Iterable[str] = (), **options: Any) -> Json:
    also = (*problems, *errors.OF_THE_API, "database_unavailable")
    return _with_key(_operation(*arguments, problems=also, **options))


def _change(*arguments: Any, problems: Iterable[str] = (), **options: Any) -> Json:
    return _api(*arguments, problems=(*problems, *errors.OF_A_CHANGE), **options)


def _answer(
    description: str,
    schema: str,
    example: Any,
    *,
    headers: Iterable[str] = (),
    links: Json | None = None,
) -> Json:
    content = {"schema": schemas.ref(schema), "examples": {"answer": {"value": example}}}
    return {
        "description": description,
        **_with_headers(headers),
        "content": {"application/json": content},
        **({"links": links} if links else {}),
    }


def _with_headers(names: Iterable[str]) -> Json:
    listed = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {"headers": listed} if listed else {}


def _content(description: str, types: Iterable[str], headers: Iterable[str] = ()) -> Json:
    """An answer that is no JSON: a page, or a file."""
    content: Json = {each: {} for each in types}
    return {"description": description, **_with_headers(headers), "content": content}


def _links(expression: str, *operation_ids: str) -> Json:
    """What may be done next with the request whose id is there."""
    return {
        name: {"operationId": name, "parameters": {"request_id": expression}}
        for name in operation_ids
    }


OUTPUT_CSV: Json = {
    "getOutputCsv": {
        "operationId": "getFile",
        "parameters": {"request_id": "$response.body#/request_id", "name": "output.csv"},
        "description": "Once the request is completed.",
    }
}
NOT_MODIFIED: Json = {
    "description": "Not Modified: what you have is right.",
    **_with_headers(["ETag"]),
}
OF_ONE = ("getStatus", "retryRequest", "cancelRequest", "sendWebhookAgain", "deleteRequest")
OF_AN_ID = ("invalid_request_id", "request_not_found")
FORM: Mapping[str, Json] = {
    "application/x-www-form-urlencoded": {"schema": inputs.TEST_FORM},
    "multipart/form-data": {"schema": inputs.TEST_FORM},
}
CSV_EXAMPLE = "S. No.,Product Name,Input Image Urls\n1,Poster,https://shop.example/rocket.jpg\n"

JSON_EXAMPLE = {
    "products": [{"sku": "P-1", "name": "Poster", "urls": ["https://shop.example/rocket.jpg"]}],
    "reduce_by": 60,
}

upload = _change(
    "uploadCsv",
    "Jobs",
    "Upload a CSV of products",
    "The file is stored with its rows, and its images are worked on. It comes as the field `file` "
    "of a multipart form, with the options as further fields, or as the whole body with the type "
    "`text/csv` and the options in the query. A workbook (XLSX) is taken in its place, and JSON "
    "with a list of image URLs, or of products. With `source_url` the table is fetched from "
    "there. With `dry_run=1` nothing is stored, and the answer says what was found. Fields left "
    "empty take their default; the names "
    "work in camel case too (`webhookUrl`). A file with a problem is refused whole, with every "
    "problem by row, line and column, up to 100.",
    {
        "200": _answer("What a dry run found.", "DryRun", examples.DRY_RUN),
        "202": _answer(
            "Accepted: the work begins.",
            "Accepted",
            examples.ACCEPTED,
            headers=["Location"],
            links=_links("$response.body#/request_id", *OF_ONE),
        ),
    },
    parameters=("IdempotencyKey", *(f"Option_{name}" for name in inputs.OPTIONS)),
    body={
        "multipart/form-data": {
            "schema": inputs.UPLOAD_FORM,
            "encoding": {"file": {"contentType": f"text/csv, {XLSX_TYPE}"}},
        },
        "application/x-www-form-urlencoded": {"schema": inputs.SOURCE_FORM},
        "text/csv": {"schema": {"type": "string"}, "example": CSV_EXAMPLE},
        "application/csv": {"schema": {"type": "string"}, "example": CSV_EXAMPLE},
        XLSX_TYPE: {"schema": {"type": "string", "format": "binary"}},
        "application/json": {"schema": inputs.JSON_UPLOAD, "example": JSON_EXAMPLE},
    },
    problems=(
        *("missing_file", "invalid_idempotency_key", "upload_in_progress", "not_a_csv"),
        *("unsupported_media_type", "too_many_rows", "too_many_images", "invalid_csv"),
        *("broken_workbook", "encrypted_workbook", "unknown_sheet"),
        "sheet_without_workbook",
        *("workbook_too_large", "too_many_workbooks"),
        *("malformed_json", "json_too_large", "invalid_json"),
        *("source_unreachable", "too_many_sources"),
        *("unknown_field", "invalid_fields", *OPTION_ERRORS, "idempotency_key_reused"),
        *("storage_full", "storage_unavailable", "broken_encoding", "unsupported_encoding"),
        *errors.OF_MORE_WORK,
    ),
    curl=f"curl -F file=@products.csv -F reduce_by=60 -F format=webp {BASE}/upload",
)
get_status = _api(
    "getStatus",
    "Jobs",
    "How far a request is, with a page of its images",
    "`Pending`, then `Processing`, then `Completed`, also when some images failed: `progress` "
    "counts them. While the work goes on, `Retry-After` says when to ask again. Images come in "
    "the order of the CSV, in pages; `next` is the link to the next one.",
    {
        "200": _answer(
            "The status.",
            "Status",
            examples.STATUS,
            headers=["ETag", "Cache-Control", "Retry-After"],
            links=OUTPUT_CSV,
        ),
        "304": NOT_MODIFIED,
    },
    parameters=(
        *("RequestId", "Limit", "After", "Sort"),
        *("ImageStatus", "Fault", "ImageQ", "IfNoneMatch"),
    ),
    problems=(
        *(*OF_AN_ID, "invalid_limit", "invalid_after", "invalid_sort"),
        *("invalid_status", "invalid_fault", "invalid_q"),
    ),
    curl=f"curl '{BASE}/status/{ID}?limit=10&status=Failed'",
)
list_requests = _api(
    "listRequests",
    "Jobs",
    "Your requests, the newest first",
    "In pages; `next` is the link to the next one. They are those of the key, and all for an "
    "admin's; without a key they are listed only where nobody else can call.",
    {
        "200": _answer(
            "A page of requests.",
            "Requests",
            examples.REQUESTS,
            links=_links("$response.body#/requests/0/request_id", *OF_ONE),
        )
    },
    parameters=("Limit", "Before", "RequestStatus", "RequestQ"),
    problems=("invalid_limit", "invalid_before", "invalid_status", "invalid_q"),
    curl=f"curl '{BASE}/requests?limit=10&status=Completed'",
)
delete_request = _change(
    "deleteRequest",
    "Jobs",
    "Delete a request with all its files",
    "Also while it runs. It is gone at once, its files within a minute.",
    {"204": {"description": "No Content: it is gone."}},
    parameters=("RequestId",),
    problems=OF_AN_ID,
    curl=f"curl -X DELETE {BASE}/requests/{ID}",
)
retry = _change(
    "retryRequest",
    "Jobs",
    "Try the failed images again",
    "Under the same names; the request is completed anew, with a new output CSV under the same "
    "address and a new notification.",
    {
        "202": _answer(
            "Accepted: so many images are tried again.",
            "Retried",
            {**examples.CHANGED, "retried": 1},
            links=_links("$response.body#/request_id", "getStatus"),
        )
    },
    parameters=("RequestId",),
    problems=(*OF_AN_ID, *errors.OF_MORE_WORK),
    curl=f"curl -X POST {BASE}/requests/{ID}/retry",
)
cancel = _change(
    "cancelRequest",
    "Jobs",
    "Stop the work on a request",
    "What is done stays; all else ends `Failed` with the code `cancelled`.",
    {
        "202": _answer(
            "Accepted: so many images were cancelled.",
            "Cancelled",
            {**examples.CHANGED, "cancelled": 3},
            links=_links("$response.body#/request_id", "getStatus"),
        )
    },
    parameters=("RequestId",),
    problems=OF_AN_ID,
    curl=f"curl -X POST {BASE}/requests/{ID}/cancel",
)
import_check = _api(
    "checkImport",
    "Jobs",
    "What a shop's importer would refuse",
    "Looks at every image of a completed request: its format, bytes and pixels, and its link. Each "
    "finding says where its rule is from and how certain that is; `advice` is about what only the "
    "shop's own settings decide.",
    {"200": _answer("What was found.", "ImportCheck", examples.IMPORT_CHECK)},
    parameters=("RequestId", "Target"),
    problems=(
        *(*OF_AN_ID, "invalid_target", "missing_target", "request_not_completed"),
        "too_many_checks",
    ),
    curl=f"curl '{BASE}/requests/{ID}/import-check?target=shopify'",
)
get_webhook = _api(
    "getWebhookBody",
    "Webhooks",
    "What a notification says",
    "The body of `request.completed`, byte for byte as it is sent, also where there is no "
    "`webhook_url`: something to try a receiver with.",
    {
        "200": _answer(
            "The body.", "RequestCompleted", examples.COMPLETED, headers=["Cache-Control"]
        )
    },
    parameters=("RequestId",),
    problems=(*OF_AN_ID, "request_not_completed"),
    curl=f"curl {BASE}/requests/{ID}/webhook",
)
send_webhook = _change(
    "sendWebhookAgain",
    "Webhooks",
    "Send the notification again",
    "The same one, under the same `webhook-id`, at once.",
    {"202": _answer("Accepted: it is sent.", "Notified", examples.NOTIFIED)},
    parameters=("RequestId",),
    problems=(*OF_AN_ID, "no_notification"),
    curl=f"curl -X POST {BASE}/requests/{ID}/webhook",
)
test_webhook = _change(
    "testWebhook",
    "Webhooks",
    "Try a receiver",
    "Sends a `webhook.test`, signed as all are, once; the answer says what the receiver answered. "
    "Two tests at a time are made.",
    {"200": _answer("How it went, also where it failed.", "WebhookTested", examples.TESTED)},
    body=dict(FORM),
    problems=("missing_webhook_url", "invalid_webhook_url", "too_many_tests"),
    curl=f"curl -d webhook_url=https://shop.example/hook {BASE}/webhooks/test",
)
get_session = _operation(
    "getSession",
    "Pages",
    "Who calls",
    "Whether a key is needed, and which one came with the request.",
    {"200": _answer("Who calls.", "Session", examples.SESSION, headers=["Cache-Control"])},
    problems=("database_unavailable",),
    curl=f"curl {BASE}/session",
)
sign_in = _operation(
    "signIn",
    "Pages",
    "Sign in at the page",
    "The browser keeps the key in a cookie that no script can read, and sends it from the page.",
    {"200": _answer("Signed in.", "Session", examples.SESSION, headers=["Cache-Control"])},
    body={kind: {"schema": inputs.SIGN_IN_FORM} for kind in FORM},
    problems=("invalid_key", "database_unavailable", *errors.OF_A_CHANGE),
    curl=f"curl -d key=img_… -c cookies {BASE}/session",
)
sign_out = _operation(
    "signOut",
    "Pages",
    "Sign out",
    "The browser forgets the key.",
    {"200": _answer("Signed out.", "Session", examples.SESSION, headers=["Cache-Control"])},
    problems=errors.OF_A_CHANGE,
    curl=f"curl -X DELETE {BASE}/session",
)
get_file = _operation(
    "getFile",
    "Files",
    "An image, or the output CSV",
    "The links `output_url` and `output_csv_url` lead here. An image never changes; the output CSV "
    "is your CSV with the columns `Output Image Urls` and `Errors`.",
    {
        "200": _content(
            "The file.",
            [*IMAGE_TYPES.values(), "text/csv"],
            [*OF_A_FILE, "Accept-Ranges", "Content-Disposition"],
        ),
        "206": _content(
            "Partial Content: the range that was asked for.",
            [*IMAGE_TYPES.values(), "text/csv"],
            [*OF_A_FILE, "Accept-Ranges", "Content-Range"],
        ),
        "304": NOT_MODIFIED,
    },
    parameters=("RequestId", "FileName", "Range", "IfNoneMatch"),
    problems=(
        *("invalid_request_id", "request_not_found", "file_not_found", "range_not_satisfiable"),
        "storage_unavailable",
    ),
    curl=f"curl -OJ {BASE}/processed_images/{ID}/output.csv",
)
MADE: Mapping[str, tuple[str, str, str]] = {  # of each the operation, the title, what it is
    IMPORT_CSV: ("getImportCsv", "Your file with new URLs", "For the shop's importer."),
    REPORT_CSV: ("getReportCsv", "A line for each image", "With what its status says."),
    FAILED_CSV: ("getFailedCsv", "Your rows with a failed image", "To mend, and upload again."),
    IMAGES_ZIP: ("getImagesZip", "The images in an archive", "In the order of the rows."),
    OUTPUT_XLSX: (
        "getOutputXlsx",
        "The output CSV as a workbook",
        "Where the upload was one; every cell is a text.",
    ),
    IMPORT_XLSX: (
        "getImportXlsx",
        "Your sheet with new URLs",
        "Where the upload was a workbook; every cell is a text.",
    ),
}


def _made_file(name: str) -> Json:
    operation_id, title, about = MADE[name]
    return _operation(
        operation_id,
        "Files",
        title,
        f"{about} Made when it is asked for, once the request is completed.",
        {
            "200": _content(
                "The file.", [content_type(name)], ["ETag", "Cache-Control", "Content-Disposition"]
            ),
            "304": NOT_MODIFIED,
        },
        parameters=("RequestId", "IfNoneMatch"),
        problems=(
            *(*OF_AN_ID, "file_not_found", "request_not_completed", "too_many_downloads"),
            *("storage_unavailable", "database_unavailable"),
        ),
        curl=f"curl -OJ {BASE}/processed_images/{ID}/{name}",
    )


healthz = _operation(
    "getHealth",
    "Operation",
    "Whether the API answers",
    "For what restarts it when it does not.",
    {"200": _answer("It does.", "Healthy", examples.HEALTHY)},
    curl=f"curl {BASE}/healthz",
)
readyz = _operation(
    "getReadiness",
    "Operation",
    "Whether uploads can be taken",
    "Asks the database, and writes and reads a file.",
    {"200": _answer("They can.", "Ready", examples.READY)},
    problems=(
        *("database_unavailable", "wrong_database_version", "storage_full", "storage_unavailable"),
    ),
    curl=f"curl {BASE}/readyz",
)
metrics = _operation(
    "getMetrics",
    "Operation",
    "Figures for Prometheus",
    "For this machine, or an admin's key; the gateway lets nobody read them.",
    {"200": _content("The figures.", METRICS, ["Cache-Control"])},
    problems=("metrics_are_private", "not_from_outside"),
    curl=f"curl {BASE}/metrics",
)
operator = _api(
    "getOperator",
    "Operation",
    "How the service is doing",
    "For an admin's key, and where only this machine can call. How much waits and how fast it "
    "goes, what fails where, and what is paused. What workers count comes some ten seconds late.",
    {"200": _answer("How it is doing.", "Operator", examples.OPERATOR, headers=["Cache-Control"])},
    problems=("admin_only",),
    curl=f"curl {BASE}/operator",
)
pause = _change(
    "pauseHost",
    "Operation",
    "Pause a host, or all work",
    "Images of the host are not downloaded, and wait, until it is resumed; `*` pauses all. What "
    "a worker has begun is finished. No image fails for it, and no attempt is counted. Uploads "
    "are taken all the same.",
    {"200": _answer("It is paused.", "Pause", examples.PAUSED)},
    parameters=("Host",),
    problems=("admin_only", "invalid_host_name"),
    curl=f"curl -X PUT {BASE}/operator/pauses/slow.example",
)
resume = _change(
    "resumeHost",
    "Operation",
    "Let a host, or all work, go on",
    "At once; also where it was not paused.",
    {"200": _answer("It goes on.", "Pause", {**examples.PAUSED, "paused": False})},
    parameters=("Host",),
    problems=("admin_only", "invalid_host_name"),
    curl=f"curl -X DELETE '{BASE}/operator/pauses/*'",
)
page = _operation(
    "getPage",
    "Pages",
    "The page for a browser",
    "Uploads a CSV and watches its request, at `/#` and its id.",
    {"200": _content("The page.", ["text/html"])},
    curl=f"curl {BASE}/",
)
docs = _operation(
    "getDocs",
    "Pages",
    "This description, to read",
    "Made of `/openapi.json`.",
    {"200": _content("The page.", ["text/html"], ["ETag"]), "304": NOT_MODIFIED},
    parameters=("IfNoneMatch",),
    curl=f"curl {BASE}/docs",
)
openapi = _operation(
    "getDescription",
    "Pages",
    "This description, for programs",
    "OpenAPI 3.1.",
    {
        "200": {**_content("The description.", ["application/json"], ["ETag"])},
        "304": NOT_MODIFIED,
    },
    parameters=("IfNoneMatch",),
    curl=f"curl {BASE}/openapi.json",
)
postman = _operation(
    "getPostmanCollection",
    "Pages",
    "This description, for Postman",
    "A collection, with a whole job to run.",
    {
        "200": {**_content("The collection.", ["application/json"], ["ETag"])},
        "304": NOT_MODIFIED,
    },
    parameters=("IfNoneMatch",),
    curl=f"curl {BASE}/postman.json",
)
static = _operation(
    "getStatic",
    "Pages",
    "What the pages need",
    "Styles, scripts and the icon.",
    {
        "200": _content("The file.", ["text/css", "text/javascript", "image/svg+xml"], OF_A_FILE),
        "206": _content(
            "Partial Content: the range that was asked for.",
            ["text/css", "text/javascript", "image/svg+xml"],
            [*OF_A_FILE, "Content-Range"],
        ),
        "304": NOT_MODIFIED,
    },
    parameters=("StaticName", "Range", "IfNoneMatch"),
    problems=("not_found", "range_not_satisfiable"),
    curl=f"curl {BASE}/static/page.css",
)

PATHS: dict[str, dict[str, Json]] = {
    "/upload": {"post": upload},
    "/status/{request_id}": {"get": get_status},
    "/requests": {"get": list_requests},
    "/requests/{request_id}": {"delete": delete_request},
    "/requests/{request_id}/retry": {"post": retry},
    "/requests/{request_id}/cancel": {"post": cancel},
    "/requests/{request_id}/import-check": {"get": import_check},
    "/requests/{request_id}/webhook": {"get": get_webhook, "post": send_webhook},
    "/webhooks/test": {"post": test_webhook},
    "/session": {"get": get_session, "post": sign_in, "delete": sign_out},
    "/processed_images/{request_id}/{name}": {"get": get_file},
    **{f"/processed_images/{{request_id}}/{name}": {"get": _made_file(name)} for name in MADE},
    "/healthz": {"get": healthz},
    "/readyz": {"get": readyz},
    "/metrics": {"get": metrics},
    "/operator": {"get": operator},
    "/operator/pauses/{host}": {"put": pause, "delete": resume},
    "/": {"get": page},
    "/docs": {"get": docs},
    "/openapi.json": {"get": openapi},
    "/postman.json": {"get": postman},
    "/static/{filename}": {"get": static},
}

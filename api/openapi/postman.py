"""The same description as a collection for Postman: what ``GET /postman.json`` answers.

Its first folder is a whole job, one request after the other, which hands the ids on by itself; the
others are the routes, a folder a tag. Both are made of the OpenAPI description.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

Json = dict[str, Any]

FORMAT = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"  # a name, not read
SAMPLE_IMAGE = "https://www.gstatic.com/webp/gallery/1.jpg"
SAMPLE_CSV = """\
S. No.,Product Name,Input Image Urls
1,Poster,{{imageUrl}}
2,A link that leads nowhere,{{imageUrl}}.missing
"""
VARIABLES = {
    "apiKey": ("", "A key of the service, where callers need one."),
    "imageUrl": (SAMPLE_IMAGE, "An image that the service may reach."),
    "requestId": (str(UUID(int=0, version=4)), "The job at work; an upload sets it."),
    "fileName": ("output.csv", "A file of the job; its status sets it."),
    "polls": ("0", "How often the job's status was asked for."),
}
PATH_VARIABLES = {"request_id": "requestId", "name": "fileName"}

STORE_ID = [
    'pm.collectionVariables.set("requestId", pm.response.json().request_id);',
    'pm.collectionVariables.set("polls", "0");',
]
POLL = """\
const job = pm.response.json();
const polls = Number(pm.collectionVariables.get("polls")) + 1;
pm.collectionVariables.set("polls", String(polls));
if (job.status !== "Completed" && polls < 300) {
  pm.execution.setNextRequest(pm.info.requestName);
  setTimeout(() => {}, 1000 * Number(pm.response.headers.get("Retry-After") || 1));
} else {
  pm.test("the job is completed", () => pm.expect(job.status).to.eql("Completed"));
  pm.test("every image is answered", () => pm.expect(job.progress.pending).to.eql(0));
  pm.collectionVariables.set("polls", "0");
  const done = job.images.find((image) => image.output_url);
  if (done) pm.collectionVariables.set("fileName", done.output_url.split("/").pop());
}""".splitlines()
ONE_EACH = """\
pm.test("one image is done and one has failed", () => {
  const progress = pm.response.json().progress;
  if (progress.pending === 0) pm.expect([progress.completed, progress.failed]).to.eql([1, 1]);
});""".splitlines()


def _holds(name: str, expression: str) -> list[str]:
    return [f'pm.test("{name}", () => {expression});']


class Step(NamedTuple):
    """One request of the whole job: what it is called, its operation, its status, its checks."""

    name: str
    operation_id: str
    status: int
    checks: list[str] = []
    path: str | None = None


JOB = (
    Step("Upload two products", "uploadCsv", 202, STORE_ID),
    Step("Ask for the status until it is completed", "getStatus", 200, [*POLL, *ONE_EACH]),
    Step(
        "Get the new image",
        "getFile",
        200,
        _holds("it is an image", 'pm.expect(pm.response.headers.get("Content-Type")).match(/^im/)'),
    ),
    Step(
        "Get output.csv",
        "getFile",
        200,
        _holds("it has the new URLs", 'pm.expect(pm.response.text()).include("Output Image Urls")'),
        path="/processed_images/{request_id}/output.csv",
    ),
    Step(
        "Get import.csv",
        "getImportCsv",
        200,
        [
            'const link = pm.variables.replaceIn("{{requestId}}/{{fileName}}");',
            *_holds("it has the new URL", "pm.expect(pm.response.text()).include(link)"),
        ],
    ),
    Step("Get report.csv", "getReportCsv", 200),
    Step("Get failed.csv", "getFailedCsv", 200),
    Step("Get images.zip", "getImagesZip", 200),
    Step(
        "Try the failed image again",
        "retryRequest",
        202,
        _holds("it is one", "pm.expect(pm.response.json().retried).to.eql(1)"),
    ),
    Step("Wait until that is completed", "getStatus", 200, [*POLL, *ONE_EACH]),
    Step("Delete the job", "deleteRequest", 204),
    Step("It is gone", "getStatus", 404),
    Step("Upload another job", "uploadCsv", 202, STORE_ID),
    Step("Cancel it", "cancelRequest", 202),
    Step("Wait until it has ended", "getStatus", 200, POLL),
    Step("Delete it, too", "deleteRequest", 204),
)


def collection(api: Json) -> Json:
    """The collection of the service that an OpenAPI description is of, for Postman and newman."""
    routes = list(_routes(api))
    by_id = {
        operation["operationId"]: (path, method, operation) for path, method, operation in routes
    }
    job = [_step(step, *by_id[step.operation_id]) for step in JOB]
    about = "From the upload to the end: run this folder as a whole."
    tags = [
        {
            "name": tag["name"],
            "description": tag["description"],
            "item": [_route(*each) for each in routes if tag["name"] in each[2]["tags"]],
        }
        for tag in api["tags"]
    ]
    values = {"baseUrl": (api["servers"][0]["url"], "Where the service is."), **VARIABLES}
    return {
        "info": {
            "name": api["info"]["title"],
            "description": api["info"]["description"],
            "version": api["info"]["version"],
            "schema": FORMAT,
        },
        "item": [{"name": "A whole job", "description": about, "item": job}, *tags],
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{apiKey}}"}]},
        "variable": [
            {"key": name, "value": value, "description": description}
            for name, (value, description) in values.items()
        ],
    }


def _routes(api: Json) -> Iterator[tuple[str, str, Json]]:
    """Each path, method and operation, with its parameters in place of references to them."""
    known = api["components"]["parameters"]
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            names = [each["$ref"].rpartition("/")[2] for each in operation["parameters"]]
            yield path, method, {**operation, "parameters": [known[name] for name in names]}


def _step(step: Step, path: str, method: str, operation: Json) -> Json:
    check = _holds(f"it answers {step.status}", f"pm.response.to.have.status({step.status})")
    request = _request(step.path or path, method, operation)
    return _item(step.name, request, [*check, *step.checks])


def _route(path: str, method: str, operation: Json) -> Json:
    described = ", ".join(operation["responses"])
    check = _holds("the answer is described", f"pm.expect([{described}]).include(pm.response.code)")
    return _item(operation["summary"], _request(path, method, operation), check)


def _item(name: str, request: Json, script: list[str]) -> Json:
    test = {"listen": "test", "script": {"type": "text/javascript", "exec": script}}
    return {"name": name, "event": [test], "request": request}


def _request(path: str, method: str, operation: Json) -> Json:
    """A request as it can be sent; what is optional stands in it, switched off."""
    filled = re.sub(r"{(\w+)}", lambda found: _path_value(found[1], operation), path)
    queries = _optional(operation, "query")
    return {
        "method": method.upper(),
        "description": operation["description"],
        "url": {
            "raw": f"{{{{baseUrl}}}}{filled}",
            "host": ["{{baseUrl}}"],
            "path": filled.removeprefix("/").split("/"),
            "query": queries,
        },
        **_with_body(operation),
    }


def _path_value(name: str, operation: Json) -> str:
    if name in PATH_VARIABLES:
        return f"{{{{{PATH_VARIABLES[name]}}}}}"
    (parameter,) = (each for each in operation["parameters"] if each["name"] == name)
    return str(parameter["schema"]["examples"][0])


def _optional(operation: Json, where: str) -> list[Json]:
    found = (each for each in operation["parameters"] if each["in"] == where)
    return [{**_field(each["name"], each), "disabled": True} for each in found]


def _field(name: str, described: Json) -> Json:
    schema = described.get("schema", described)
    value = schema.get("default", schema.get("enum", [""])[0])
    return {"key": name, "value": str(value), "description": described["description"]}


def _with_body(operation: Json) -> Json:
    """The headers, and the body in the simplest of its types: a CSV, or the fields of a form."""
    headers = _optional(operation, "header")
    content = operation.get("requestBody", {}).get("content", {})
    if "text/csv" in content:
        typed = {"key": "Content-Type", "value": "text/csv"}
        return {"header": [typed, *headers], "body": {"mode": "raw", "raw": SAMPLE_CSV}}
    if form := content.get("application/x-www-form-urlencoded"):
        fields = [_field(*each) for each in form["schema"]["properties"].items()]
        return {"header": headers, "body": {"mode": "urlencoded", "urlencoded": fields}}
    return {"header": headers}

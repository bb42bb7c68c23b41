"""The description of this API for programs, in OpenAPI 3.1: what ``GET /openapi.json`` answers.

    document.py     document(): the whole, and what stands at its head
    operations.py   the routes: what each takes and answers
    inputs.py       parameters, headers, and the fields of forms
    schemas.py      the JSON of responses and webhooks
    errors.py       every error's code and status
    examples.py     the job that all examples show
    postman.py      all of it as a collection for Postman

Enumerations and limits are taken from the code that checks them. tests/unit/test_openapi.py holds
routes, fields and error codes to the application; `make api-check` holds its answers to all of it.
"""

from api.openapi.document import document

__all__ = ["document"]

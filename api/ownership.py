"""Requests as a caller may see them: what belongs to another key does not exist."""

from __future__ import annotations

from uuid import UUID

from api import parameters
from api.authentication import caller
from api.service import service
from work_queue.read_queries import FoundRequest, find_request


def own_request(request_id: str) -> FoundRequest:
    """The request with an id in a path. Raises a Problem where the caller has none of it."""
    public_id = parameters.request_uuid(request_id)
    found = service().database.read(find_request, public_id)
    if found is None or not caller().may_see(found.request.key_id):
        raise parameters.not_found(public_id)
    return found


def own_id(request_id: str) -> UUID:
    """The same, where only the id is needed."""
    return own_request(request_id).request.public_id

"""API keys over HTTP: made, listed, revoked."""

from __future__ import annotations

from uuid import UUID

from litestar import Router, delete, get, post

from levada.core.errors import ObjectNotFound
from levada.server.api.answers import answers
from levada.server.api.checks import checked
from levada.server.pattern import ADMIN, ThePlane
from levada.wire.objects import ApiKeyView
from levada.wire.requests import MadeApiKey, NewApiKey


@get(
    "/",
    operation_id="read_api_keys",
    opt=ADMIN,
    summary="List API keys",
    responses=answers(200, "Keys, newest first; never their text.", list[ApiKeyView]),
    sync_to_thread=True,
)
def read_api_keys(plane: ThePlane) -> list[ApiKeyView]:
    """Every key as the server knows it: its beginning, its scopes, when it was last used."""
    return plane.read_api_keys()


@post(
    "/",
    operation_id="create_api_key",
    opt=ADMIN,
    summary="Make an API key",
    status_code=201,
    responses=answers(201, "The key with its text, which is shown this once.", MadeApiKey, 409),
    sync_to_thread=True,
)
def create_api_key(plane: ThePlane, data: NewApiKey) -> MadeApiKey:
    """Make a key. The server keeps only a digest of its text, so note the text now."""
    given = checked(data)
    key, text = plane.create_api_key(given.name, given.scopes, given.expires)
    return MadeApiKey(key, text)


@delete(
    "/{api_key:uuid}",
    operation_id="revoke_api_key",
    opt=ADMIN,
    summary="Revoke an API key",
    status_code=204,
    responses=answers(204, "It opens nothing any more.", None, 404),
    sync_to_thread=True,
)
def revoke_api_key(plane: ThePlane, api_key: UUID) -> None:
    """Revoke a key: from the next request on it opens nothing."""
    if not plane.revoke_api_key(api_key):
        raise ObjectNotFound(f"There is no API key {api_key}.")


router = Router("/api_keys", route_handlers=[read_api_keys, create_api_key, revoke_api_key], tags=["API keys"])

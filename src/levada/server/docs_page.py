"""The OpenAPI document and a page to browse it; nothing on it comes from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

from litestar import Request, get

from levada.core.errors import ObjectNotFound
from levada.server.api.document import document
from levada.server.pattern import OPEN
from levada.server.rendering import JSON, Answer, as_json

_ASSETS: Final = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
"""What of the offline package is served, by name."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Levada API</title>
<link rel="stylesheet" href="/api/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/api/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
</body>
</html>
"""

# The bundled page knows 3.0 and shows nothing of what says 3.1; what we use of 3.1 it renders all the same.
_START = """fetch("/api/openapi.json").then(function (answer) { return answer.json(); }).then(function (spec) {
  spec.openapi = "3.0.3";
  window.ui = SwaggerUIBundle({
    spec: spec, dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null, docExpansion: "none",
    presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout"
  });
});
"""


@get("/api/openapi.json", opt=OPEN, sync_to_thread=True, include_in_schema=False)
def openapi(request: Request[Any, Any, Any]) -> Answer:
    """Give the OpenAPI 3.1 document of this server."""
    kept = request.app.state
    if "openapi" not in kept:  # made when first asked for: a server should start fast
        kept.openapi = as_json(document(request.app))
    return Answer(kept.openapi, media_type=JSON)


@get("/api/docs", opt=OPEN, sync_to_thread=False, include_in_schema=False)
def docs() -> Answer:
    """Give the page on which the API can be browsed."""
    return Answer(_PAGE, media_type="text/html")


@get("/api/docs/{name:str}", opt=OPEN, sync_to_thread=True, include_in_schema=False)
def asset(name: str) -> Answer:
    """Give a part of that page.

    Raises:
        ObjectNotFound: it has no such part.
    """
    if name == "start.js":
        return Answer(_START, media_type="text/javascript")
    if name not in _ASSETS:
        raise ObjectNotFound(f"The documentation has no file {name!r}.")
    return Answer(_read(name), media_type=_ASSETS[name], headers={"cache-control": "max-age=3600"})


@cache
def _read(name: str) -> bytes:
    # The folder is named after the version of what is in it.
    folder = next(iter((files("swagger_ui_bundle") / "vendor").iterdir()))
    return (folder / name).read_bytes()

"""The OpenAPI document, a page to browse it, and the plain first page; nothing on them comes from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

from litestar import Request, get

from levada.core.errors import ObjectNotFound
from levada.server.api.document import document
from levada.server.pattern import OPEN
from levada.server.rendering import JSON, Answer, as_json
from levada.version import __version__

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

_FIRST = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Levada</title>
</head>
<body>
<main>
<h1>Levada {__version__}</h1>
<p>The server runs. Its page for people is not built yet; this release is driven from the command line and the API.</p>
<ul>
<li><a href="/api/docs">The API, to browse</a></li>
<li><a href="/api/openapi.json">The API, as OpenAPI 3.1</a></li>
<li><a href="/api/health">Health</a>, <a href="/api/ready">readiness</a>, <a href="/api/version">version</a></li>
</ul>
<p>To have flows report here: <code>export LEVADA_API_URL=<em>this address</em>/api</code>.
Then <code>levada flow-run ls</code> lists them.</p>
</main>
</body>
</html>
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


@get("/", opt=OPEN, sync_to_thread=False, include_in_schema=False)
def first_page() -> Answer:
    """Say what serves here, and where to go on."""
    return Answer(_FIRST, media_type="text/html")


@cache
def _read(name: str) -> bytes:
    # The folder is named after the version of what is in it.
    folder = next(iter((files("swagger_ui_bundle") / "vendor").iterdir()))
    return (folder / name).read_bytes()

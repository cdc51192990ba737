"""The page for people: the built files of `ui/`, served beside the API.

`Page` answers what is asked for with GET outside `/api`; the rest it passes on. Which view an address shows is decided
in the browser, so an address that is no file is answered with `index.html`. Files whose name carries a digest of their
content may be kept for ever; `index.html`, which names them, is asked for again each time. Where the page was not
built, a notice says how to build it: the server is complete without it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from levada.version import __version__

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

FOLDER: Final = Path(__file__).with_name("page")
"""Where the build puts the page: `ui/vite.config.ts` and `hatch_build.py` know it, too."""

_INDEX: Final = "/index.html"
_DIGESTED: Final = "/assets/"
_TYPES: Final = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".png": b"image/png",
    ".json": b"application/json",
    ".woff2": b"font/woff2",
    ".txt": b"text/plain; charset=utf-8",
}
"""What is served, by ending; what the build leaves beside it is not."""
_PACKED: Final = ((b"br", ".br"), (b"gzip", ".gz"))

_NOTICE: Final = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Levada</title>
<style>body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 4rem auto; padding: 0 1rem }}
pre {{ padding: .75rem 1rem; border: 1px solid #8888; border-radius: 6px; overflow-x: auto }}</style>
</head>
<body>
<main>
<h1>Levada {__version__}</h1>
<p>The server runs, and its API is complete. The page for people was not built when this Levada was installed: that
needs the npm registry, which could not be reached, or LEVADA_SKIP_UI was set.</p>
<p>Build it in a checkout, with Node 20 or newer, and restart nothing:</p>
<pre>make ui</pre>
<p>Or install once more where the npm registry can be reached (the build brings its own Node):</p>
<pre>pip install --force-reinstall --no-deps --no-cache-dir levada</pre>
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


class _File(Struct, frozen=True):
    """A file of the page, with its packed forms.

    Attributes:
        media_type: what it is.
        forms: its bytes by encoding; the empty encoding is the file itself.
        tag: stands for its content.
    """

    media_type: bytes
    forms: dict[bytes, bytes]
    tag: bytes


class Page:
    """Wraps an application: answers for the page, and passes on what is for the API.

    Args:
        app: what comes next.
        folder: where the built page is.
    """

    def __init__(self, app: ASGIApp, folder: Path = FOLDER) -> None:
        self.app = app
        self._folder = folder
        self._names: dict[str, Path] = {}
        self._files: dict[str, _File] = {}
        self._built: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for the page, or pass a request on."""
        path, method = str(scope.get("path", "")), str(scope.get("method"))
        ours = scope["type"] == "http" and not f"{path}/".startswith("/api/")  # type: ignore[comparison-overlap] # a str
        if not ours or method not in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        name = self._find(path, headers.get(b"accept", b""))
        if name is None:
            await self.app(scope, receive, send)  # which says in its own words that there is nothing
            return
        lasting = name.startswith(_DIGESTED)
        await _answer(send, headers, self._read(name), lasting=lasting, head=method == "HEAD")

    def _find(self, path: str, accept: bytes) -> str | None:
        """The name of the file that an address shows, None when it shows none."""
        self._look()
        if path in self._names:
            return path
        # A part that is missing is not there; people who type an address see the page.
        wants_page = b"text/html" in accept or accept in {b"", b"*/*"}
        return _INDEX if wants_page and not path.startswith(_DIGESTED) else None

    def _look(self) -> None:
        """Take in what was built, or built anew, since the last look."""
        try:
            built = (self._folder / "index.html").stat().st_mtime_ns
        except OSError:
            built = None
        if built != self._built or not self._names:
            found = [path for path in self._folder.rglob("*") if path.suffix in _TYPES] if built is not None else []
            self._names = {f"/{path.relative_to(self._folder).as_posix()}": path for path in found}
            self._files, self._built = {}, built

    def _read(self, name: str) -> _File:
        known = self._files.get(name)
        if known is None:
            path = self._names.get(name)
            known = self._files[name] = _notice() if path is None else _loaded(path)
        return known


def _loaded(path: Path) -> _File:
    content = path.read_bytes()
    forms = {b"": content}
    for encoding, ending in _PACKED:
        packed = path.with_name(path.name + ending)
        if packed.is_file():
            forms[encoding] = packed.read_bytes()
    return _File(_TYPES[path.suffix], forms, _tag(content))


def _notice() -> _File:
    content = _NOTICE.encode()
    return _File(_TYPES[".html"], {b"": content}, _tag(content))


def _tag(content: bytes) -> bytes:
    return b'"' + hashlib.sha256(content).hexdigest()[:20].encode() + b'"'


async def _answer(send: Send, headers: dict[bytes, bytes], file: _File, *, lasting: bool, head: bool) -> None:
    accepted = {one.strip().partition(b";")[0] for one in headers.get(b"accept-encoding", b"").split(b",")}
    encoding = next((one for one, _ in _PACKED if one in accepted and one in file.forms), b"")
    body = file.forms[encoding]
    said = [
        (b"cache-control", b"public, max-age=31536000, immutable" if lasting else b"no-cache"),
        (b"etag", file.tag),
        (b"vary", b"accept-encoding"),
    ]
    if headers.get(b"if-none-match") == file.tag:
        await send({"type": "http.response.start", "status": 304, "headers": said})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    said += [(b"content-type", file.media_type), (b"content-length", str(len(body)).encode())]
    if encoding:
        said.append((b"content-encoding", encoding))
    await send({"type": "http.response.start", "status": 200, "headers": said})
    await send({"type": "http.response.body", "body": b"" if head else body, "more_body": False})

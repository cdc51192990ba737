"""The server: a control plane behind HTTP.

May import control, store, wire, core and, of the vocabulary, settings and version; never engine, client or what
authors write. `wiring` puts a server's process together; `app` makes the application of it.

A request's life here: `door` (an ASGI wrapper around everything) gives it an id, looks at host, origin, size and who is
asking, and unpacks it; Litestar finds the handler; the caller's scopes are compared with the handler's (`Permitted`);
`gate` lets a heavy read wait for its turn; the body is decoded strictly into its Struct (`requests`); the handler, in a
thread, calls one verb of the plane; the value is rendered as JSON or MessagePack (`rendering`). An exception anywhere
becomes a problem (`problems`): handlers catch nothing.

How a resource file of `levada.server.api` adds a resource (`flows` is the example):

- It makes one `litestar.Router` named `router`; `api/__init__.py` lists it. Paths are those of `levada.wire.verbs`.
- A handler is a plain function with `sync_to_thread=True`, and asks for what it needs by the names of its parameters:
  `plane: ThePlane` (the verbs), `by: By` (who is asking, for `created_by`), `settings: TheSettings`,
  `data: SomeStruct` (the decoded body; JSON or MessagePack, as the request says), `body: bytes` (the bytes of it).
  What changes flow runs by the hundred a second is a coroutine instead, and awaits its wish: `wishes: TheWishes`.
  Query parameters are typed with bounds (`Annotated[int, Parameter(ge=1)]`).
- It answers with wire Structs, lists or dicts of them, or None with status 204.
- Its scope is `read` for GET, else `write`, unless `opt=` says otherwise: `opt=READ` for a filter by POST,
  `opt=HEAVY` for lists, counts and graphs (scope `read`, and through the gate), `opt=INGEST`, `opt=ADMIN`, and
  `opt=OPEN` for what nobody needs to be known for.
"""

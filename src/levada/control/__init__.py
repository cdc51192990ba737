"""The control plane without HTTP: takes journals in, answers questions about runs, says what must happen next.

May import store, the journal's reader, wire and core; never the engine, the client or the face, so that the same code
serves a laptop process and, later, a server.

A record's life here: `drain` reads it from a writer's journal, `ingest` merges it into the row of its subject (in any
order, any number of times), `queries` shows the row as a value of `levada.wire.objects`, `why` puts it into words.
`ControlPlane` holds the verbs; everybody outside this room starts there.
"""

from __future__ import annotations

from levada.control.plane import ControlPlane as ControlPlane

__all__ = ["ControlPlane"]

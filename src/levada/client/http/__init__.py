"""A control plane over HTTP.

`Transport` sends requests and turns problems into our errors, `RemotePlane` is `levada.wire.verbs.Plane` on it, and
`messages` follows the server's streams. May import wire and core only. Loaded when a server is configured and first
asked; a forked child opens connections of its own.
"""

from __future__ import annotations

from levada.client.http.plane import RemotePlane as RemotePlane
from levada.client.http.transport import Transport as Transport

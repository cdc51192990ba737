"""Who may ask: API keys, sessions of browsers, the password; and the principal that each stands for.

May import store and core. A key's or a cookie's text is never kept, only its SHA-256: the text is 256 random bits, so
there is nothing to guess and nothing to slow down. A request's life here: `levada.server.door` hands over what it came
with; `keys`, `sessions` or `passwords` say who that is; `Principal.demand` says whether they may.
"""

from __future__ import annotations

from levada.control.auth.principals import EVERYBODY as EVERYBODY
from levada.control.auth.principals import SCOPES as SCOPES
from levada.control.auth.principals import Principal as Principal

__all__ = ["EVERYBODY", "SCOPES", "Principal"]

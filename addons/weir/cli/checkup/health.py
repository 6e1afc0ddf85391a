"""What a running weir says of itself, where it was started with ``--health``."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

from weir.cli.checkup import Result, fail, ok

__all__ = ["health"]

WAIT_S = 5.0
_BYTES_MAX = 64 * 1024
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # listening on all addresses, and where to ask then


def health(data: Path) -> list[Result]:
    """Whether the weir that runs on this data directory is ready, by its own word; nothing when nobody can ask it."""
    from weir.edge.health.place import told

    place = told(data / "run")
    if place is None:
        return []
    host, port = _ANY.get(place[0], place[0]), place[1]
    asked = http.client.HTTPConnection(host, port, timeout=WAIT_S)
    try:
        asked.request("GET", "/readyz")
        body = asked.getresponse().read(_BYTES_MAX)
        reasons = [str(reason["says"]) for reason in json.loads(body)["reasons"]]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        why = f"no answer on {host}:{port} ({type(error).__name__})"
        return [fail("health", why, "see weir's log; a weir that is stuck is ended by kill and started again")]
    finally:
        asked.close()
    if reasons:
        return [
            fail(
                "health", f"not ready: {'; '.join(reasons)}", "weir's log says more; until then send traffic elsewhere"
            )
        ]
    return [ok("health", f"ready, says http://{host}:{port}/readyz")]

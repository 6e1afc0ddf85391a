"""Where real keys come from: one module a scheme, each with ``fetch(reference) -> str``.

The module's name is the scheme: ``env.py`` answers ``env:NAME``. A new file here is a new backend.
"""

from __future__ import annotations

__all__ = ["SecretUnavailable"]


class SecretUnavailable(Exception):
    """A secret cannot be had. The message names where it was looked for, never what was found there."""

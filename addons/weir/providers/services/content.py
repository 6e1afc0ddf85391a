"""What a request is by its headers and its body, where host and path don't say: MCP is anywhere, and so is protobuf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weir.model import Endpoint
from weir.providers.formats.connect import Connect, is_protobuf
from weir.providers.formats.mcp import Mcp, signs

__all__ = ["by_content"]


def by_content(endpoint: Endpoint, method: str, headers: Sequence[tuple[str, str]], body: bytes) -> Endpoint:
    """``endpoint`` with dialect and operation when the request shows them; the same one when it does not.

    ``body`` is decoded. Asked where no dialect is known, or one that reads whatever no other does.
    """
    kind = next((value for name, value in headers if name.lower() == "content-type"), "")
    rpc = endpoint.operation if endpoint.operation not in ("", "page") else "rpc"
    if is_protobuf(kind):
        return replace(endpoint, dialect=Connect.id, operation=rpc) if body else endpoint
    operation = signs(method, headers, body)
    return replace(endpoint, dialect=Mcp.id, operation=operation) if operation else endpoint

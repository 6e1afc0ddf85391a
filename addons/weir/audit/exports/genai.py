"""OpenTelemetry's names for what AI services do (GenAI semantic conventions, in development when written: 1.41).

The names stand here as text, since the conventions still move and what is exported must not move with a library.
"""

from __future__ import annotations

from weir.audit.exports.row import Row, text

__all__ = ["operation", "provider"]

# Well-known values where weir's own id is another one; all others are used as they are.
_PROVIDERS = {
    "google-gemini": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "aws-bedrock": "aws.bedrock",
    "azure-openai": "azure.ai.openai",
    "ibm-watsonx": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
_OPERATIONS = {
    "messages": "chat",
    "responses": "chat",
    "converse": "chat",
    "realtime": "chat",
    "completions": "text_completion",
    "rerank": "retrieval",
    "agents": "invoke_agent",
    "mcp.tools.call": "execute_tool",
}


def provider(row: Row) -> str:
    """``gen_ai.provider.name`` of a row, "" when it is about no AI service."""
    found = text(row, "provider") or text(row, "service")
    return _PROVIDERS.get(found, found)


def operation(row: Row) -> str:
    """``gen_ai.operation.name`` of a row, "" when it is not known."""
    found = text(row, "operation")
    return _OPERATIONS.get(found, found)

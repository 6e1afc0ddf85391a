"""The dialects of web pages, of MCP and of remote procedure calls: no provider documents them as its interface."""

from __future__ import annotations

from weir.ports import Dialect
from weir.providers.formats.anthropic_messages import AnthropicMessages
from weir.providers.formats.connect import Connect
from weir.providers.formats.mcp import Mcp
from weir.providers.formats.web_chatgpt import ChatGPTWeb
from weir.providers.formats.web_claude import ClaudeWeb
from weir.providers.formats.web_deepseek import DeepSeekWeb
from weir.providers.formats.web_gemini import GeminiWeb
from weir.providers.formats.web_grok import GrokWeb
from weir.providers.formats.web_json import WebJson
from weir.providers.formats.web_perplexity import PerplexityWeb
from weir.providers.requests.uploads import Upload

__all__ = ["web_dialects"]


def web_dialects() -> tuple[Dialect, ...]:
    """A fresh set of them."""
    return (
        Mcp(),
        Connect(),
        WebJson(),
        ChatGPTWeb(),
        ClaudeWeb(),
        GeminiWeb(),
        GrokWeb(),
        PerplexityWeb(),
        DeepSeekWeb(),
        Upload("web_upload", AnthropicMessages(), raw=True),
    )

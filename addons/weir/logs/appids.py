"""Firewalls' own names of AI applications, for lines that name an application and no host.

Each stands for the host that its traffic goes to first. A name is matched by its beginning, longer ones before shorter.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["APPS", "FORTI_APPS"]

# PAN-OS: a container's children are told apart by a suffix (-base, -upload, -post …).
APPS: Mapping[str, str] = {
    "openai-chatgpt": "chatgpt.com",
    "openai-api": "api.openai.com",
    "openai": "chatgpt.com",
    "chatgpt": "chatgpt.com",
    "claude": "claude.ai",
    "anthropic": "claude.ai",
    "google-gemini": "gemini.google.com",
    "google-bard": "gemini.google.com",
    "perplexity": "www.perplexity.ai",
    "deepseek": "chat.deepseek.com",
    "mistral-ai": "chat.mistral.ai",
    "character-ai": "character.ai",
    "huggingface": "huggingface.co",
    "hugging-face": "huggingface.co",
    "midjourney": "www.midjourney.com",
    "github-copilot": "api.githubcopilot.com",
}

FORTI_APPS: Mapping[str, str] = {
    "OpenAI.ChatGPT": "chatgpt.com",
    "ChatGPT": "chatgpt.com",
    "OpenAI.API": "api.openai.com",
    "OpenAI": "chatgpt.com",
    "Claude": "claude.ai",
    "Anthropic": "claude.ai",
    "Google.Gemini": "gemini.google.com",
    "Google.Bard": "gemini.google.com",
    "Perplexity": "www.perplexity.ai",
    "DeepSeek": "chat.deepseek.com",
    "Mistral": "chat.mistral.ai",
    "Character.AI": "character.ai",
    "Hugging.Face": "huggingface.co",
    "Midjourney": "www.midjourney.com",
    "GitHub.Copilot": "api.githubcopilot.com",
}

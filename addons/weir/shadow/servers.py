"""Signs of model servers that people run themselves: what Ollama, vLLM, llama.cpp and others alone answer with."""

from __future__ import annotations

import re
from typing import Any

from weir.shadow.signs import Signal, first

__all__ = ["PORTS", "server_page", "server_reply"]

# Ports that one of them has by default and little else has: a weak sign, counted with the address.
PORTS = {
    11434: "ollama",
    1234: "lm-studio",
    30000: "sglang",
    5001: "koboldcpp",
    1337: "jan",
    4891: "gpt4all",
    8188: "comfyui",
    7860: "gradio",
    4000: "litellm",
}

_OWNERS = frozenset({"vllm", "sglang", "llamacpp", "organization_owner", "koboldcpp", "library", "user", "tabbyapi"})
_KINDS_OF_MODEL = frozenset({"llm", "vlm", "embeddings", "embedding"})
_TITLE = re.compile(
    rb"<title>\s*(?:Open WebUI|ComfyUI|LocalAI[^<]{0,40}|Stable Diffusion|KoboldAI Lite|llama\.cpp[^<]{0,40}|"
    rb"SillyTavern|AnythingLLM[^<]{0,60}|LibreChat|LiteLLM[^<]{0,40}|Text generation web UI|InvokeAI[^<]{0,40})"
    rb"\s*</title>",
    re.I,
)
_METRIC = re.compile(rb"^(?:# (?:HELP|TYPE) )?(?:vllm:|sglang:|llamacpp:|tgi_request_|te_request_|nv_inference_)", re.M)
# Keys that only one server's answer has together; of a document's top level.
_TOGETHER: tuple[tuple[frozenset[str], str, str], ...] = (
    (frozenset({"default_generation_settings", "total_slots"}), "llama-cpp-props", "local-server"),
    (frozenset({"content", "generation_settings", "tokens_predicted"}), "llama-cpp-reply", "local-server"),
    (frozenset({"content", "stop", "timings"}), "llama-cpp-reply", "local-server"),
    (frozenset({"model_path", "is_generation"}), "sglang-info", "local-server"),
    (frozenset({"model_id", "max_total_tokens"}), "tgi-info", "local-server"),
    (frozenset({"model_id", "max_client_batch_size"}), "tei-info", "local-server"),
    (frozenset({"prompt_id", "number", "node_errors"}), "comfyui-reply", "image"),
    (frozenset({"images", "parameters", "info"}), "stable-diffusion-reply", "image"),
    (frozenset({"license", "modelfile", "details"}), "ollama-show", "local-server"),
    (frozenset({"model", "embeddings", "total_duration"}), "ollama-reply", "local-server"),
    (frozenset({"max_model_len", "tokens"}), "vllm-tokens", "local-server"),
    (frozenset({"litellm_version"}), "litellm-health", "local-server"),
)
# One of each that little else has: most documents have none of these, and need no more looking.
_TELLING = frozenset(
    (
        *("default_generation_settings", "tokens_predicted", "timings", "is_generation", "max_total_tokens"),
        *("max_client_batch_size", "node_errors", "info", "modelfile", "total_duration", "litellm_version"),
        "max_model_len",
    )
)


def server_page(start: bytes) -> list[Signal]:
    """Signs in the first bytes of a page or of plain text: Ollama's greeting, a user interface's title, metrics."""
    if start.startswith(b"Ollama is running"):
        return [Signal("ollama", 50, "local-server")]
    head = start[:4096]
    if head[:64].lstrip()[:1] == b"<":
        at = head.find(b"<title>")
        return [Signal("server-page", 40, "local-server")] if at >= 0 and _TITLE.match(head, at) else []
    if (head[:1] == b"#" or b":" in head[:40]) and _METRIC.search(head):
        return [Signal("server-metrics", 45, "local-server")]
    return []


def server_reply(document: dict[str, Any]) -> list[Signal]:
    """Signs in a reply's JSON document."""
    keys = document.keys()
    if isinstance(document.get("done"), bool) and "model" in keys and "created_at" in keys:
        return [Signal("ollama-reply", 45, "local-server")]
    if document.get("status") == "pulling manifest":
        return [Signal("ollama-pull", 45, "local-server")]
    if (model := first(document.get("models"))) is not None:
        details = model.get("details")
        if "digest" in model and isinstance(details, dict) and "quantization_level" in details:
            return [Signal("ollama-models", 50, "local-server")]
    if (model := first(document.get("data"))) is not None and model.get("object") == "model":
        if model.get("owned_by") in _OWNERS:
            return [Signal("server-models", 45, "local-server")]
        if "quantization" in model and model.get("type") in _KINDS_OF_MODEL:
            return [Signal("lm-studio-models", 45, "local-server")]
    if document.get("result") == "KoboldCpp" or (document.get("name") == "Open WebUI" and "version" in keys):
        return [Signal("server-name", 50, "local-server")]
    if document.get("name") == "triton" and isinstance(document.get("extensions"), list):
        return [Signal("server-name", 50, "local-server")]
    system = document.get("system")
    if isinstance(system, dict) and "comfyui_version" in system:
        return [Signal("comfyui-stats", 45, "image")]
    if (tensor := first(document.get("outputs"))) is not None and "datatype" in tensor and "shape" in tensor:
        return [Signal("tensors", 40, "local-server")]
    for together, sign, kind in _TOGETHER if not keys.isdisjoint(_TELLING) else ():
        if together <= keys:
            return [Signal(sign, 45, kind)]
    return []

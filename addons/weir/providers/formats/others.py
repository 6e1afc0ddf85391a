"""The dialects of Google beyond Gemini's own, and of the services that have a format to themselves."""

from __future__ import annotations

from weir.ports import Dialect
from weir.providers.formats.dashscope import DashScope
from weir.providers.formats.databricks import Databricks
from weir.providers.formats.elevenlabs import ElevenLabs
from weir.providers.formats.gemini_batches import GeminiBatches, GeminiResults
from weir.providers.formats.gemini_cli import GeminiCli
from weir.providers.formats.gemini_interactions import GeminiInteractions
from weir.providers.formats.gemini_predict import GeminiPredict
from weir.providers.formats.huggingface import HuggingFace
from weir.providers.formats.prompt_json import PromptJson
from weir.providers.formats.replicate import Replicate
from weir.providers.formats.sagemaker import SageMaker
from weir.providers.formats.snowflake_cortex import SnowflakeCortex
from weir.providers.formats.watsonx import Watsonx
from weir.providers.formats.workers_ai import WorkersAI
from weir.providers.requests.uploads import Upload

__all__ = ["other_dialects"]


def other_dialects() -> tuple[Dialect, ...]:
    """A fresh one of each."""
    speech, stability, prompts = ElevenLabs(), PromptJson("stability", "errors"), PromptJson()
    return (
        GeminiBatches(),
        GeminiResults(),
        GeminiCli(),
        GeminiInteractions(),
        GeminiPredict(),
        Replicate(),
        HuggingFace(),
        speech,
        Upload("elevenlabs_upload", speech),
        Watsonx(),
        Databricks(),
        DashScope(),
        WorkersAI(),
        SageMaker(),
        SnowflakeCortex(),
        prompts,
        Upload("prompt_upload", prompts),
        PromptJson("prompt_detail", "detail"),
        stability,
        Upload("stability_upload", stability),
    )

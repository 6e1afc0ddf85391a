"""``boto3`` for Bedrock: with an API key, and with an access key that signs."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Iterator
from typing import Any

from e2e.clients_more import Base

__all__ = ["Bedrock", "BedrockBearer"]

REGION = "us-east-1"


class BedrockBearer(Base):
    """``boto3`` with a Bedrock API key, which goes as a bearer token: a virtual key may stand in its place."""

    name, host, service, model, module = (
        "boto3-bearer", "bedrock-runtime.us-east-1.amazonaws.com", "aws-bedrock",
        "anthropic.claude-sonnet-4-5-20250929-v1:0", "boto3",
    )  # fmt: skip
    operation, answers_with_model = "converse", False

    @property
    def refused(self) -> type[Exception]:
        return importlib.import_module("botocore.exceptions").ClientError  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        os.environ["AWS_BEARER_TOKEN_BEDROCK"] = self.key
        try:
            yield self.sdk.session.Session(region_name=REGION).client("bedrock-runtime")
        finally:
            del os.environ["AWS_BEARER_TOKEN_BEDROCK"]

    def _ask(self, text: str) -> dict[str, Any]:
        return {"modelId": self.model, "messages": [{"role": "user", "content": [{"text": text}]}]}

    def chat(self, text: str) -> str:
        with self._client() as client:
            done = client.converse(**self._ask(text))
        return str(done["output"]["message"]["content"][0]["text"])

    def stream(self, text: str) -> Iterator[str]:
        with self._client() as client:
            for event in client.converse_stream(**self._ask(text))["stream"]:
                if "contentBlockDelta" in event:
                    yield event["contentBlockDelta"]["delta"]["text"]

    def invoke(self, body: dict[str, Any], model: str = "") -> Any:
        """InvokeModel in a vendor's own format."""
        with self._client() as client:
            done = client.invoke_model(modelId=model or self.model, body=json.dumps(body))
        return json.loads(done["body"].read())

    def invoke_stream(self, body: dict[str, Any]) -> list[Any]:
        """The events that come of it, in the vendor's format."""
        with self._client() as client:
            done = client.invoke_model_with_response_stream(modelId=self.model, body=json.dumps(body))
        return [json.loads(event["chunk"]["bytes"]) for event in done["body"]]

    def embed(self, text: str) -> list[float]:
        return list(self.invoke({"inputText": text}, "amazon.titan-embed-text-v2:0")["embedding"])


class Bedrock(BedrockBearer):
    """``boto3`` with an access key, whose secret half signs each request."""

    name = "boto3"
    key_id = "AKIA" + "DOUBLE" * 2 + "ABCD"

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        yield self.sdk.session.Session(self.key_id, self.key, region_name=REGION).client("bedrock-runtime")

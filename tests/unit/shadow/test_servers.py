"""What model servers of one's own answer with."""

import pytest

from weir.shadow import servers
from weir.shadow.servers import PORTS, server_page, server_reply


@pytest.mark.parametrize(
    ("document", "sign"),
    [
        ({"model": "m", "created_at": "t", "done": False}, "ollama-reply"),
        ({"models": [{"digest": "d", "details": {"quantization_level": "Q4"}}]}, "ollama-models"),
        ({"data": [{"object": "model", "owned_by": "vllm"}]}, "server-models"),
        ({"data": [{"object": "model", "type": "vlm", "quantization": "4bit"}]}, "lm-studio-models"),
        ({"result": "KoboldCpp", "version": "1"}, "server-name"),
        ({"name": "triton", "version": "2", "extensions": []}, "server-name"),
        ({"system": {"comfyui_version": "0.3"}}, "comfyui-stats"),
        ({"outputs": [{"name": "y", "datatype": "FP32", "shape": [1]}]}, "tensors"),
        ({"default_generation_settings": {}, "total_slots": 4, "more": 1}, "llama-cpp-props"),
        ({"model_path": "m", "is_generation": True}, "sglang-info"),
        ({"model_id": "m", "max_total_tokens": 9}, "tgi-info"),
        ({"status": "pulling manifest"}, "ollama-pull"),
        ({"images": ["x"], "parameters": {}, "info": "x"}, "stable-diffusion-reply"),
        ({"model": "m", "embeddings": [[0.1]], "total_duration": 7}, "ollama-reply"),
    ],
)
def test_replies_of_servers(document: dict, sign: str) -> None:
    assert [s.id for s in server_reply(document)] == [sign]


@pytest.mark.parametrize(
    "document",
    [
        {}, {"done": True, "model": "car"}, {"models": [{"name": "golf"}]}, {"models": []}, {"name": "Open WebUI"},
        {"data": [{"object": "model", "owned_by": "ann"}]}, {"outputs": ["x"]}, {"system": "x"}, {"images": ["a"]},
        {"result": "OK"}, {"name": "triton"}, {"models": [{"digest": "d", "details": "x"}]},
    ],
)  # fmt: skip
def test_replies_of_others(document: dict) -> None:
    assert server_reply(document) == []


@pytest.mark.parametrize(
    ("start", "sign"),
    [
        (b"Ollama is running", "ollama"),
        (b"<!doctype html><html><head><title>ComfyUI</title>", "server-page"),
        (b"<html><title>LiteLLM API - Swagger UI</title>", "server-page"),
        (b"# HELP vllm:num_requests_running x\n", "server-metrics"),
        (b'llamacpp:prompt_tokens_total{a="b"} 7\n', "server-metrics"),
    ],
)
def test_pages_of_servers(start: bytes, sign: str) -> None:
    assert [s.id for s in server_page(start)] == [sign]


@pytest.mark.parametrize(
    "start",
    [b"", b"<", b"<html><title>How to run ComfyUI</title>", b"<p>Ollama is running", b"# vllm: notes", b"a: b\n" * 99],
)
def test_pages_of_others(start: bytes) -> None:
    assert server_page(start) == []


def test_ports_that_much_else_has_are_no_sign() -> None:
    assert 11434 in PORTS
    assert not {80, 443, 3000, 5000, 8000, 8080, 8443, 9000} & set(PORTS)


def test_every_combination_has_a_telling_key() -> None:
    for together, sign, kind in servers._TOGETHER:
        assert together & servers._TELLING, sign
        assert [(s.id, s.kind) for s in server_reply(dict.fromkeys(together, 1))] == [(sign, kind)]

"""Weights are recognised by where they are kept, what they are called, and how they begin."""

import struct
import time
from urllib.parse import quote

import pytest

from weir.shadow.downloads import FORMATS, Download, download_of, magic

SAFE = struct.pack("<Q", 80) + b'{"w":{"dtype":"F16","shape":[1]}}'
TORCH = b"PK\x03\x04" + b"\0" * 26 + b"archive/data.pkl"
LENGTH = {"Content-Length": "4096"}


@pytest.mark.parametrize(
    ("host", "path", "heads", "start", "expected"),
    [
        ("huggingface.co", "/org/m/resolve/main/model-00001-of-00002.safetensors", LENGTH, b"",
         ("org/m/model-00001-of-00002.safetensors", "safetensors", 4096)),
        ("huggingface.co", "/org/m/resolve/main/pytorch_model.bin?download=true", LENGTH, b"",
         ("org/m/pytorch_model.bin", "pytorch", 4096)),
        ("hf-mirror.com", "/org/m/resolve/refs%2Fpr%2F1/onnx/model.onnx", {}, b"", ("org/m/onnx/model.onnx",
         "onnx", None)),
        ("cdn-lfs-us-1.hf.co",
         "/repos/ab/cd?response-content-disposition=" + quote('inline; filename="m.gguf"'), LENGTH,
         b"", ("m.gguf", "gguf", 4096)),
        ("transfer.xethub.hf.co", "/xorbs/default/" + "a" * 64, LENGTH, b"", ("", "xet", 4096)),
        ("www.modelscope.cn", "/models/org/m/resolve/master/m.safetensors", {}, SAFE,
         ("org/m/m.safetensors", "safetensors", None)),
        ("modelscope.cn", "/api/v1/models/org/m/repo?Revision=master&FilePath=sub%2Fm.bin", LENGTH, b"",
         ("org/m/sub/m.bin", "pytorch", 4096)),
        ("registry.ollama.ai", "/v2/library/llama3.2/blobs/sha256:ab", LENGTH, b"GGUF\3", ("library/llama3.2",
         "gguf", 4096)),
        ("registry.ollama.ai", "/v2/library/llama3.2/manifests/latest", LENGTH, b'{"schemaVersion":2}',
         ("library/llama3.2:latest", "ollama", None)),
        ("registry-1.docker.io", "/v2/ai/smollm2/blobs/sha256:ab", LENGTH, b"", ("ai/smollm2", "docker", 4096)),
        ("registry.example.com", "/v2/team/m/blobs/sha256:ab",
         {"Content-Type": "application/vnd.docker.ai.gguf.v3"}, b"",
         ("team/m", "docker", None)),
        ("r8.im", "/v2/owner/m/manifests/1", {}, b"{}", ("owner/m:1", "docker", None)),
        ("civitai.com", "/api/download/models/12345",
         LENGTH | {"Content-Disposition": 'attachment; filename="a.safetensors"'},
         b"", ("a.safetensors", "other", 4096)),
        ("civitai.com", "/api/download/models/12345?type=Model", LENGTH, SAFE, ("civitai/12345", "safetensors", 4096)),
        ("api.ngc.nvidia.com", "/v2/models/nvidia/nemo/m/versions/1.0/files/m.nemo", LENGTH, b"",
         ("nvidia/nemo/m:1.0/m.nemo", "other", 4096)),
        ("storage.googleapis.com", "/tfhub-modules/google/x/1.tar.gz", LENGTH, b"",
         ("tfhub-modules/google/x/1.tar.gz", "other", 4096)),
        ("download.pytorch.org", "/models/resnet18-f37072fd.pth", LENGTH, b"", ("resnet18-f37072fd.pth",
         "pytorch", 4096)),
        ("files.example.com", "/m.gguf", LENGTH, b"GGUF\3\0", ("m.gguf", "gguf", 4096)),
        ("files.example.com", "/m.gguf", {"Content-Range": "bytes 100-199/5000", "Content-Length": "100"}, b"",
         ("m.gguf", "gguf", 100)),
        ("files.example.com", "/blob/7", {}, b"GGUF\3\0", ("7", "gguf", None)),
        ("files.example.com", "/checkpoint.pt", LENGTH, TORCH, ("checkpoint.pt", "pytorch", 4096)),
    ],
)  # fmt: skip
def test_weights(host: str, path: str, heads: dict, start: bytes, expected: tuple) -> None:
    found = download_of("GET", host, path, heads, start)
    assert found == Download(*expected)
    assert found.format in FORMATS


@pytest.mark.parametrize(
    ("host", "path", "heads", "start"),
    [
        ("huggingface.co", "/org/m/resolve/main/config.json", LENGTH, b'{"a":1}'),
        ("huggingface.co", "/org/m/resolve/main/tokenizer.model", LENGTH, b""),
        ("huggingface.co", "/datasets/org/d/resolve/main/data.bin", LENGTH, b""),
        ("huggingface.co", "/org/m/blob/main/m.gguf", {"Content-Type": "text/html"}, b"<!doctype html>"),
        ("huggingface.co", "/org/m/resolve/main/m.safetensors", LENGTH, b"version https://git-lfs.github.com/spec/v1"),
        ("huggingface.co", "/api/models/org/m", LENGTH, b"{}"),
        ("registry-1.docker.io", "/v2/library/redis/manifests/latest", LENGTH, b"{}"),
        ("civitai.com", "/api/v1/models", LENGTH, b"{}"),
        ("storage.googleapis.com", "/bucket/photo.jpg", LENGTH, b"\xff\xd8"),
        ("example.com", "/firmware.bin", LENGTH, b"\0"),
        ("example.com", "/notes.pt", LENGTH, b"ola"),
        ("example.com", "/org/m/resolve/main/README.md", LENGTH, b"# x"),
        ("example.com", "/archive.zip", LENGTH, b"PK\x03\x04" + b"\0" * 40),
        ("example.com", "/", {}, b""),
        ("nothuggingface.co", "/org/m/resolve/main/pytorch_model.bin", LENGTH, b""),
    ],
)  # fmt: skip
def test_other_downloads(host: str, path: str, heads: dict, start: bytes) -> None:
    assert download_of("GET", host, path, heads, start) is None


def test_only_what_is_carried_counts() -> None:
    address = ("huggingface.co", "/org/m/resolve/main/m.gguf", LENGTH)
    assert download_of("HEAD", *address) is None
    assert download_of("GET", *address, status=302) is None
    assert download_of("GET", *address, status=404) is None
    assert download_of("get", *address, status=206) is not None


def test_lengths_that_are_none_are_not_told() -> None:
    for length in ("-1", "x", "", "9" * 30, "٣"):
        found = download_of("GET", "h", "/m.gguf", {"content-length": length})
        assert found is not None
        assert found.bytes is None


def test_names_are_short_and_printable() -> None:
    found = download_of("GET", "h", "/" + "a" * 500 + "%0a%1b.gguf")
    assert found is None or len(found.name) <= 200
    found = download_of("GET", "h", "/a%0a%1b%00b.gguf")
    assert found is not None
    assert found.name == "ab.gguf"


@pytest.mark.parametrize(
    ("start", "form"),
    [(b"GGUF\3", "gguf"), (SAFE, "safetensors"), (TORCH, "pytorch"), (b"tjgg\1", "ggml"), (b"GGU", ""), (b"", "")],
)
def test_magic(start: bytes, form: str) -> None:
    assert magic(start) == form


def test_work_is_bounded() -> None:
    began = time.thread_time()
    for path in ("/a" * 10**6, "/models/" * 10**5 + "versions/", "/v2/" + "a/" * 10**6 + "blobs/", "%" * 10**6):
        for host in ("huggingface.co", "api.ngc.nvidia.com", "h"):
            download_of("GET", host, path, [("a" * 10**5, "b" * 10**5)] * 1000, b"\0" * 65_536)
    assert time.thread_time() - began < 5


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbm-F0dXJlLXN_lY3JldA"


@pytest.mark.parametrize(
    ("host", "path", "name"),
    [
        ("f.example", f"/d/{TOKEN}", "…"),
        ("f.example", f"/d/{TOKEN}/m.gguf", "m.gguf"),
        ("f.example", f"/d/m.gguf%3Ftoken={TOKEN}", "m.gguf"),
        ("f.example", f"/d/m.gguf;token={TOKEN}", "m.gguf"),
        ("f.example", f"/d/{TOKEN}.gguf", "…"),
        ("f.example", "/d/" + "Ab0" * 12, "…"),
        ("f.example", "/d/sk-" + "ant-" + "ab0-" * 8, "…"),
        ("storage.googleapis.com", f"/kaggle-models-data/1/{TOKEN}", "kaggle-models-data/1/…"),
        ("huggingface.co", "/o/Meta-Llama-3.1-8B-Instruct_v0/resolve/main/NousHermes2Mixtral8x7BDPO-Q4_K_M.gguf",
         "o/Meta-Llama-3.1-8B-Instruct_v0/NousHermes2Mixtral8x7BDPO-Q4_K_M.gguf"),
    ],
)  # fmt: skip
def test_no_token_stands_in_a_name(host: str, path: str, name: str) -> None:
    found = download_of("GET", host, path, {}, b"GGUF\x03\x00\x00\x00")
    assert found is not None and found.name == name

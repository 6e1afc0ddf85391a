"""Model weights on their way in: what is downloaded, in which format, how many bytes. From heads and first bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

__all__ = ["FORMATS", "Download", "download_of", "magic"]

FORMATS = ("gguf", "safetensors", "pytorch", "onnx", "checkpoint", "ggml", "ollama", "docker", "xet", "other")

_SUFFIXES = {
    ".gguf": "gguf",
    ".safetensors": "safetensors",
    ".onnx": "onnx",
    ".ckpt": "checkpoint",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".ggml": "ggml",
}
# Endings that only mean weights where weights are kept; elsewhere they are firmware, fonts or anything.
_LOOSE = {".bin": "pytorch", ".h5": "other", ".msgpack": "other", ".npz": "other", ".tflite": "other"}
_LOOSE_ANYWHERE = frozenset({".pt", ".pth", ".ckpt", ".ggml"})  # taken elsewhere only when their first bytes agree
_NAME_MAX = 200
_HEAD = 4096

_RESOLVE = re.compile(r"/(?:models/)?([^/]+/[^/]+)/resolve/[^/]+/(.+)\Z")
_MODELSCOPE = re.compile(r"/api/v\d/models/([^/]+/[^/]+)/repo\Z")
_NGC = re.compile(r"/models/(.+?)/versions/([^/]+)/(?:files/|zip\Z)(.*)\Z")
_CIVITAI = re.compile(r"/api/download/models/(\d+)\Z")
_KAGGLE = re.compile(r"/api/v1/models/(.+)/download\Z")
_IMAGE = re.compile(r"/v2/(.+)/(manifests|blobs)/([^/]+)\Z")
_XORB = re.compile(r"/xorbs/[^/]+/[0-9a-f]{32,}")
_MEDIA = re.compile(r"application/vnd\.(ollama\.image\.model|docker\.ai\.)", re.I)
_FILE_PATH = re.compile(r"[?&]FilePath=([^&]{1,300})", re.I)
_DISPOSITION = re.compile(r"filename\*?=(?:UTF-8'')?\"?([^\";&]{1,200})", re.I)
_PARAMETERS = re.compile(r"[?;&#]")
# A JWT, or what is longer than any word in the names of models.
_TOKEN = re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]+)*|[A-Za-z0-9+=]{28,}|\b(?:sk|hf|gh[a-z]|glpat)[-_][\w-]{16,}")
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/")
_HUBS = ("huggingface.co", "hf.co", "hf-mirror.com", "modelscope.cn", "modelscope.ai", "ngc.nvidia.com", "civitai.com")
_KEPT = (*_HUBS, "fbaipublicfiles.com", "download.pytorch.org", "openaipublic.azureedge.net", "tfhub.dev")

Headers = Iterable[tuple[str, str]] | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Download:
    """``name`` as the source has it (``org/repo/file``, ``library/llama3.2:latest``), at most 200 characters;
    ``format`` is one of FORMATS; ``bytes`` of this reply alone as its head says, None when it doesn't, or when this
    reply is only the list of what will be fetched. A file that comes in ranges is one of these a range.
    """

    name: str
    format: str
    bytes: int | None


def download_of(
    method: str, host: str, path: str, response_headers: Headers = (), start: bytes = b"", status: int = 200
) -> Download | None:
    """The weights that a reply carries, if it does; ``path`` with its query, ``start`` its first decoded bytes.

    Only GETs answered with 200 or 206 carry any: a redirect to where the file is doesn't. Datasets, tokenizers and
    configurations beside the weights don't count, and neither do pages about them. Never raises; about 5 µs.
    """
    if method.upper() != "GET" or status not in (200, 206):
        return None
    pairs = response_headers.items() if isinstance(response_headers, Mapping) else response_headers
    heads = {name.lower(): value[:1024] for name, value in islice(pairs, 100)}
    seen = magic(start)
    media = heads.get("content-type", "")
    if seen == "" and (media.startswith("text/") or start[:8].lstrip()[:1] == b"<" or start.startswith(b"version ht")):
        return None  # a page, or a pointer of Git LFS
    address, _, query = path[:4096].partition("?")
    plain = unquote(address)
    found = (
        _image(host.lower(), plain, media) or _kept(host.lower(), address, query, heads) or _file(plain, heads, seen)
    )
    if found is None:
        return None
    name, form = found
    size = None if "/manifests/" in plain else _size(heads)
    return Download(_shown(name), seen or form, size)


def _shown(name: str) -> str:
    """A name as it may be told: addresses of downloads are full of tokens, and each of them opens something."""
    plain = "".join(c for c in _PARAMETERS.split(name, maxsplit=1)[0][:_NAME_MAX] if c.isprintable())
    return _TOKEN.sub("…", plain)


def magic(start: bytes) -> str:
    """The format that a file's first bytes show, "" when none: gguf, safetensors, pytorch or ggml."""
    if start[:4] == b"GGUF":
        return "gguf"
    if start[8:9] == b"{" and start[6:8] == b"\x00\x00" and (b'"dtype"' in start[:_HEAD] or b"__metadata__" in start):
        return "safetensors"
    if start[:2] == b"PK" and b"/data.pkl" in start[:300]:
        return "pytorch"
    return "ggml" if start[:4] in (b"lmgg", b"tjgg", b"fmgg") else ""


def _image(host: str, plain: str, media: str) -> tuple[str, str] | None:
    """Registries that speak Docker's language: Ollama's, Docker's ``ai/…``, Replicate's."""
    match = _IMAGE.search(plain)
    typed = _MEDIA.match(media)
    if match is None:
        return ("", "ollama" if "ollama" in media else "docker") if typed else None
    repository, _, reference = match.groups()
    name = repository if reference.startswith("sha256") else f"{repository}:{reference}"
    if host == "ollama.com" or host.endswith((".ollama.ai", ".ollama.com")):
        return name, "ollama"
    if host == "r8.im" or (host.endswith("docker.io") and repository.startswith("ai/")):
        return name, "docker"
    return (name, "ollama" if "ollama" in media else "docker") if typed else None


def _kept(host: str, address: str, query: str, heads: Mapping[str, str]) -> tuple[str, str] | None:
    """Places where weights are kept, which name them in their own ways."""
    plain = unquote(address)
    if not _below(host, _KEPT) and host not in ("storage.googleapis.com", "www.kaggle.com", "kaggle.com"):
        return None
    if match := _CIVITAI.match(plain):
        return _disposition(query, heads) or f"civitai/{match[1]}", "other"
    if match := _NGC.search(plain):
        return f"{match[1]}:{match[2]}" + (f"/{match[3]}" if match[3] else ""), _format(match[3], True) or "other"
    if match := _KAGGLE.search(plain):
        return match[1], "other"
    if match := _MODELSCOPE.match(plain):
        file = _FILE_PATH.search(query)
        name = unquote(file[1]) if file else ""
        form = _format(name, True)
        return (f"{match[1]}/{name}", form) if form else None
    if host.endswith("hf.co") and _XORB.match(plain):
        return "", "xet"
    if host == "storage.googleapis.com":
        return (plain.removeprefix("/"), "other") if plain.startswith(("/tfhub-", "/kaggle-models-data/")) else None
    if plain.startswith(("/datasets/", "/spaces/", "/api/")):
        return None
    match = _RESOLVE.match(address)  # a revision may have slashes, escaped
    name = unquote("/".join(match.groups())) if match else _disposition(query, heads) or plain.rpartition("/")[2]
    form = _format(name, True)
    return (name, form) if form else None


def _file(plain: str, heads: Mapping[str, str], seen: str) -> tuple[str, str] | None:
    """Anywhere else: by an ending that nothing else has, or by the first bytes."""
    name = _disposition("", heads) or plain.rpartition("/")[2]
    form = _format(name, False)
    return (name, form or seen) if form or seen else None


def _format(name: str, kept: bool) -> str:
    dot = name.rfind(".")
    suffix = name[dot:].lower() if dot >= 0 else ""
    if suffix in _SUFFIXES and (kept or suffix not in _LOOSE_ANYWHERE):
        return _SUFFIXES[suffix]
    return _LOOSE.get(suffix, "") if kept else ""


def _disposition(query: str, heads: Mapping[str, str]) -> str:
    """The file's name by the reply's Content-Disposition, or by the one that a signed address asks for."""
    for text in (heads.get("content-disposition", ""), unquote(query) if "disposition" in query.lower() else ""):
        if match := _DISPOSITION.search(text):
            return unquote(match[1])
    return ""


def _below(host: str, domains: Iterable[str]) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in domains)


def _size(heads: Mapping[str, str]) -> int | None:
    if match := _RANGE.match(heads.get("content-range", "")):
        return max(0, int(match[2]) - int(match[1]) + 1)
    length = heads.get("content-length", "").strip()
    return int(length) if length.isascii() and length.isdigit() and len(length) <= 18 else None

"""The encodings table agrees with the installed tiktoken and sends models to the right family."""

import hashlib
import inspect

import pytest
from tiktoken_ext import openai_public

from weir.usage.encodings import Vocabulary, load_encodings


@pytest.mark.parametrize("name", sorted(load_encodings().vocabularies))
def test_url_and_hash_are_the_ones_tiktoken_expects(name: str) -> None:
    source = inspect.getsource(getattr(openai_public, name))
    vocabulary = load_encodings().vocabularies[name]
    assert f'"{vocabulary.url}"' in source
    assert f'"{vocabulary.sha256}"' in source


@pytest.mark.parametrize(
    ("model", "family", "encoding"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o", "o200k_base"),
        ("openai/gpt-4.1-mini", "gpt-4o", "o200k_base"),
        ("gpt-5-nano", "gpt-5", "o200k_base"),
        ("gpt-4-turbo", "openai-cl100k", "cl100k_base"),
        ("gpt-35-turbo", "openai-cl100k", "cl100k_base"),
        ("text-embedding-3-small", "openai-cl100k", "cl100k_base"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude", "o200k_base"),
        ("claude-opus-4-8", "claude-new-tokenizer", "o200k_base"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro", "o200k_base"),
        ("gemini-2.5-flash", "gemini", "o200k_base"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama", "o200k_base"),
        ("mistral-medium-latest", "mistral", "o200k_base"),
        ("house-model-7", "default", "o200k_base"),
        ("", "default", "o200k_base"),
    ],
)
def test_family_of_a_model(model: str, family: str, encoding: str) -> None:
    found = load_encodings().family(model)
    assert (found.id, found.encoding) == (family, encoding)


def test_every_needle_reaches_its_own_family() -> None:
    table = load_encodings()
    for family in table.families:
        for needle in family.needles:
            assert table.family(needle).id == family.id, f"{needle} is hidden by an earlier family"


def test_file_name_is_tiktokens() -> None:
    vocabulary = load_encodings().vocabularies["o200k_base"]
    assert vocabulary.file_name == "fb374d419588a4632f3f557e76b4b70aebbca790"


def test_read_accepts_only_the_right_bytes(tmp_path) -> None:
    good = b"IQ== 0\n"
    vocabulary = Vocabulary("v", "https://example.test/v", hashlib.sha256(good).hexdigest())
    path = tmp_path / vocabulary.file_name
    assert vocabulary.read(tmp_path) is None
    path.write_bytes(good + b" ")
    assert vocabulary.read(tmp_path) is None
    path.write_bytes(good)
    assert vocabulary.read(tmp_path) == good


def test_a_family_with_an_unknown_encoding_is_named(tmp_path) -> None:
    table = tmp_path / "encodings.yaml"
    table.write_text(
        "encodings: {a: {url: u, sha256: s}}\n"
        "default: {encoding: a, factor: 1}\n"
        "families: [{id: odd, needles: [x], encoding: b, factor: 1}]\n"
    )
    with pytest.raises(ValueError, match="family odd names the unknown encoding b"):
        load_encodings(table)

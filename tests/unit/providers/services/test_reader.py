from __future__ import annotations

import pytest
import yaml

from weir.providers.services.reader import FieldReader, ProviderFileError, compose, line_of


def _value(text: str) -> yaml.Node:
    root = compose(text, "f.yaml")
    assert isinstance(root, yaml.MappingNode)
    value: yaml.Node = root.value[0][1]
    return value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml:1: file: is empty; write id"),
        ("a: [1\nb: {", "f.yaml:2: file: is not YAML ("),
        ("a: \x01", "f.yaml:1: file: is not YAML; correct it"),
    ],
)
def test_what_is_no_yaml(text: str, said: str) -> None:
    with pytest.raises(ProviderFileError) as caught:
        compose(text, "f.yaml")
    assert caught.value.mistakes[0].startswith(said)


def test_lines() -> None:
    assert line_of(_value("\n\na:\n  - x\n")) == 4
    assert line_of(None) == 1


@pytest.mark.parametrize(
    ("read", "text", "result", "said"),
    [
        ("text", "a: x", "x", ""),
        ("text", "a: []", "", "is not text"),
        ("text", "a: ''", "", "is not text"),
        ("flag", "a: true", True, ""),
        ("flag", "a: yes", False, "is not a yes or no"),
        ("items", "a: 3", [], "is not a list"),
        ("texts", "a: [x, y]", ["x", "y"], ""),
        ("texts", "a: [x, x]", ["x", "x"], "stands twice"),
        ("members", "a: [x]", [], "is not a mapping"),
        ("members", "a: {k: 1, z: 2}", ["k"], "a.z: is not known; write one of k"),
        ("members", "a: {k: 1, k: 2}", ["k"], "a.k: stands twice"),
    ],
)
def test_kinds(read: str, text: str, result: object, said: str) -> None:
    reader, node = FieldReader("f.yaml"), _value(text)
    found: object
    if read == "members":
        found = list(reader.members(node, "a", frozenset({"k"})))
    elif read == "texts":
        found = [value for _, value in reader.texts(node, "a")]
    else:
        found = getattr(reader, read)(node, "a")
    assert found == result
    assert bool(reader.mistakes) == bool(said)
    assert not said or (said in reader.mistakes[0] and reader.mistakes[0].startswith("f.yaml:1: "))


def test_nothing_there_is_nothing_wrong() -> None:
    reader = FieldReader("f.yaml")
    assert reader.text(None, "a", "d") == "d" and not reader.flag(None, "a")
    assert reader.items(None, "a") == [] and reader.texts(None, "a") == []
    assert not reader.mistakes

"""The shape of the section ``tenants``."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from weir.sections_tenants import Tenants
from weir.settings import PolicyError, loads

ADAPTER: TypeAdapter[Any] = TypeAdapter(Tenants)


@pytest.mark.parametrize(
    ("entry", "read"),
    [
        (["a", "b"], {"": ("a", "b")}),
        ("block", {"": ("block",)}),
        ({"tenants": ["a"], "context": "b"}, {"tenants": ("a",), "context": ("b",)}),
    ],
)
def test_short_and_long_forms(entry: object, read: object) -> None:
    assert ADAPTER.validate_python({"v": entry}) == {"v": read}


@pytest.mark.parametrize("entry", [4, True, None, {}, [], {"tenants": []}, {"tenants": {"a": "b"}}, [1], [""]])
def test_other_shapes_are_mistakes(entry: object) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python({"v": entry})


def test_a_mistake_has_a_line() -> None:
    with pytest.raises(PolicyError, match=r"policy\.yaml:3: tenants\.chatgpt: is an empty list"):
        loads("version: 1\ntenants:\n  chatgpt: []\n")

"""Policies that came into force are kept under their hash, which they prove; no secret can be in them."""

from __future__ import annotations

import hashlib
import logging
import typing
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from weir import settings
from weir.datadir import DataDir
from weir.edge.process.policies import keep_policy, policy_path
from weir.settings import Settings

POLICY = settings.loads("version: 1  # a comment\nmode: enforce\nkeys: {openai: {secret: 'env:OPENAI_API_KEY'}}\n")


def test_a_policy_is_kept_under_its_hash(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    assert keep_policy(data, POLICY)
    path = policy_path(data.policies, POLICY.hash)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == POLICY.hash
    assert path.stat().st_mode & 0o777 == 0o600 and b"comment" not in path.read_bytes()
    assert b"env:OPENAI_API_KEY" in path.read_bytes() and b'"durability"' in path.read_bytes(), "every default with it"
    before = path.stat().st_ino
    assert keep_policy(data, POLICY) and path.stat().st_ino == before, "once is enough"
    path.write_bytes(b"{}")
    assert keep_policy(data, POLICY) and path.read_text() == POLICY.canonical, "but for one that was changed"


def test_a_disk_that_refuses_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = DataDir(tmp_path / "data")
    (data.path / "policies").write_text("in the way")
    with caplog.at_level(logging.ERROR):
        assert not keep_policy(data, POLICY)
    assert POLICY.hash[:12] in caplog.text and "could not be kept" in caplog.text


def fields(model: type[BaseModel], seen: set[type]) -> typing.Iterator[tuple[str, Any]]:
    """Every field of a section and of what is in it."""
    seen.add(model)
    for name, field in model.model_fields.items():
        yield f"{model.__name__}.{name}", field
        for part in _parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in seen:
                yield from fields(part, seen)


def _parts(hint: Any) -> typing.Iterator[Any]:
    yield hint
    for part in typing.get_args(hint):
        yield from _parts(part)


def test_what_holds_a_secret_takes_references_alone() -> None:
    """A literal where a policy wants a secret is a mistake, so none can be in what is kept."""
    secret = {"Key.secret", "WeightedSecret.secret", "Ldap.password", "Stores.budgets", "Stores.rates"}
    secret |= {"ContentSettings.key", "Bucket.access_key", "Bucket.secret_key"}
    found = dict(fields(Settings, set()))
    assert secret <= set(found)
    for name in secret:
        field = found[name]
        hint = typing.Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        taken: TypeAdapter[Any] = TypeAdapter(hint)
        taken.validate_python("env:NAME")
        with pytest.raises(ValidationError):
            taken.validate_python("literal-value")
    named = {name for name in found if name.rpartition(".")[2] in ("secret", "secrets", "password", "token")}
    assert named <= secret | {"Key.secrets"}, "a new one belongs here"

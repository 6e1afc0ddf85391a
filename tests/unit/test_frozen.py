"""Frozen dataclasses made quickly: the same objects, the same arguments, the same refusals."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, astuple, dataclass, field, make_dataclass, replace

import pytest

from weir.audit.record import AuditRecord
from weir.frozen import quick


@dataclass(frozen=True, slots=True)
class Plain:
    """As dataclasses makes it."""

    name: str
    size: int = 3
    parts: tuple[str, ...] = field(default=(), repr=False)


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    """The same, made quickly."""

    name: str
    size: int = 3
    parts: tuple[str, ...] = field(default=(), repr=False)


@pytest.mark.parametrize(
    ("given", "named"), [(("a",), {}), (("a", 4), {}), (("a",), {"parts": ("x",)}), ((), {"name": "a", "size": 1})]
)
def test_it_is_made_of_the_same_arguments(given: tuple[str, ...], named: dict[str, object]) -> None:
    plain, made = Plain(*given, **named), Quick(*given, **named)  # type: ignore[arg-type]
    assert type(made) is Quick
    assert (made.name, made.size, made.parts) == (plain.name, plain.size, plain.parts)
    assert made == Quick(*given, **named)  # type: ignore[arg-type]
    assert hash(made) == hash(plain)
    assert repr(made) == repr(plain).replace("Plain", "Quick")
    assert list(inspect.signature(Quick).parameters) == list(inspect.signature(Plain).parameters)


@pytest.mark.parametrize("named", [{}, {"name": "a", "other": 1}])
def test_wrong_arguments_are_refused(named: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        Quick(**named)  # type: ignore[arg-type]


def test_it_is_frozen_and_can_be_copied() -> None:
    made = Quick("a")
    with pytest.raises(FrozenInstanceError):
        made.size = 4  # type: ignore[misc]
    assert replace(made, size=4) == Quick("a", 4)
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made


def test_the_audit_record_is_one() -> None:
    record = AuditRecord(kind="request", seq=1)
    assert type(record) is AuditRecord
    assert replace(record, kind="block").seq == 1
    with pytest.raises(FrozenInstanceError):
        record.kind = "block"  # type: ignore[misc]


@pytest.mark.parametrize("many", [3, 40])
def test_few_and_many_fields_are_set_alike(many: int) -> None:
    names = [f"of_{number}" for number in range(many)]
    kinds = [(name, int, field(default=number)) for number, name in enumerate(names)]
    plain = make_dataclass("Made", kinds, frozen=True, slots=True)
    made = quick(make_dataclass("Made", kinds, frozen=True, slots=True))
    one = made(5, of_2=7)
    assert astuple(one) == astuple(plain(5, of_2=7)) and type(one) is made
    with pytest.raises(FrozenInstanceError):
        one.of_1 = 3


@pytest.mark.parametrize("many", [0, 40])
def test_what_a_factory_makes_is_new_each_time(many: int) -> None:
    kinds = [("parts", dict, field(default_factory=dict)), *((f"of_{n}", int, field(default=n)) for n in range(many))]
    made = quick(make_dataclass("Made", kinds, frozen=True, slots=True))
    one, other, given = made(), made(), {"a": 1}
    assert one.parts == other.parts == {} and one.parts is not other.parts
    assert made(given).parts is given


def test_what_needs_more_than_setting_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Made:
        parts: list[str] = field(init=False)

    with pytest.raises(TypeError, match="Made"):
        quick(Made)

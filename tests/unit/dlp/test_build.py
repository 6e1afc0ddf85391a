"""From the policy's section to an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.dlp.build import ExactKeyMissing, engine_of, engine_without_exact
from weir.dlp.exact.exactfile import ExactFileError
from weir.dlp.exact.exactmake import fingerprint
from weir.model import Segment
from weir.sections import Dlp

KEY = b"k" * 32


def section(**values: object) -> Dlp:
    return Dlp.model_validate(values)


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    out = tmp_path / "customers.fp"
    fingerprint(iter([("C-1234567",)]), ("id",), label="customers", key=KEY, out=out)
    return out


def test_the_section_decides_what_is_looked_for(customers: Path) -> None:
    engine = engine_of(section(entities=["EMAIL_ADDRESS"], exact=[str(customers)]), b"f" * 32, KEY)
    assert {"pii/EMAIL_ADDRESS", "exact/customers", "secret/openai-key"} <= set(engine.detectors)
    assert "pii/CREDIT_CARD" not in engine.detectors
    scan = engine.scan([Segment("/a", "user", "Ask ann@acme-corp.de about c1234567.")])
    assert scan.complete
    assert [(found.detector, found.category, found.start, found.end) for found in scan.findings] == [
        ("pii/EMAIL_ADDRESS", "pii", 4, 20),
        ("exact/customers", "exact", 27, 35),
    ]
    assert all("1234567" not in repr(found) for found in scan.findings)


def test_files_of_exact_values_need_their_key(customers: Path) -> None:
    with pytest.raises(ExactKeyMissing, match="--data"):
        engine_of(section(exact=[str(customers)]), b"f" * 32)
    with pytest.raises(ExactFileError, match="another data directory"):
        engine_of(section(exact=[str(customers)]), b"f" * 32, b"x" * 32)


def test_a_policy_can_be_checked_without_the_key(customers: Path) -> None:
    engine, names = engine_without_exact(section(exact=[str(customers)]))
    assert "exact/customers" in names and "secret/openai-key" in names
    assert "exact/customers" not in engine.detectors
    customers.write_bytes(b"id\n1\n")
    with pytest.raises(ExactFileError, match="is no fingerprint file"):
        engine_without_exact(section(exact=[str(customers)]))


def test_a_cut_file_is_refused(customers: Path) -> None:
    customers.write_bytes(customers.read_bytes()[:-5])
    with pytest.raises(ExactFileError, match="cut short"):
        engine_of(section(exact=[str(customers)]), b"f" * 32, KEY)


def test_as_many_findings_as_asked_for() -> None:
    text = "\n".join(f"mail ann{number}@acme-corp.de" for number in range(300))
    few = engine_of(section(entities=["EMAIL_ADDRESS"]), b"f" * 32)
    assert not few.scan([Segment("/a", "user", text)]).complete
    many = engine_of(section(entities=["EMAIL_ADDRESS"]), b"f" * 32, findings_max=1000)
    assert len(many.scan([Segment("/a", "user", text)]).findings) == 300

"""How many credentials are found, and how many findings are credentials, on texts that the rules have not seen."""

from __future__ import annotations

import pytest

from golden.corpus import Case, assignments, figures, near_misses, tokens
from weir.dlp.core.engine import Engine


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(entities=["CREDIT_CARD"], fingerprint_key=b"golden-corpora", cache_entries=0)


def split(cases: list[Case]) -> tuple[int, int]:
    return sum(bool(case.spans) for case in cases), sum(not case.spans for case in cases)


def test_provider_tokens(engine: Engine) -> None:
    cases = [*tokens(), *near_misses()]
    positive, negative = split(cases)
    assert positive >= 1500 and negative >= 1500
    made = figures(engine, cases)
    print(made.told("provider tokens"))
    assert made.recall >= 0.98, made.told("provider tokens")
    assert made.precision >= 0.98, made.told("provider tokens")


def test_secrets_by_name(engine: Engine) -> None:
    cases = list(assignments())
    positive, negative = split(cases)
    assert positive >= 350 and negative >= 600
    made = figures(engine, cases)
    print(made.told("secrets by name"))
    assert made.recall >= 0.75, made.told("secrets by name")
    assert made.precision >= 0.80, made.told("secrets by name")


def test_every_vendor_token_is_known_by_its_vendor(engine: Engine) -> None:
    """A vendor's rule finds its token, not only the rule for anything that is called a key."""
    generic = ("assignment", "url-parameter", "token-header", "bearer-authorization", "sk-key")
    cases = list(tokens())
    by_vendor = 0
    for case in cases:
        found = figures_of(engine, case)
        by_vendor += any(not name.endswith(generic) for name in found)
    print(f"by vendor {by_vendor / len(cases):.4f}")
    assert by_vendor / len(cases) >= 0.95


def figures_of(engine: Engine, case: Case) -> set[str]:
    from weir.model import Segment

    scan = engine.scan([Segment("/0", "user", case.text)])
    return {finding.detector for finding in scan.findings}

from __future__ import annotations

import pytest

from weir.dlp.core.patterns import Deadline
from weir.dlp.rulebook.rules import load_rules

RULES = [rule for rule in load_rules().rules if rule.category == "marking"]


def found(text: str) -> set[str]:
    return {rule.id.partition("/")[2] for rule in RULES if any(rule.spans(text, Deadline(60)))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Board meeting\n\nCONFIDENTIAL – internal only\n\nThe plan is", "confidential"),
        ("  STRICTLY CONFIDENTIAL  \nSalaries", "strictly-confidential"),
        ("memo\n--- CONFIDENTIAL ---\n", "confidential"),
        ("Acme Corp. – Confidential\n", "confidential-bracketed"),
        ("FOR INTERNAL USE ONLY", "internal-only"),
        ("Classification: Highly Confidential", "classification-label"),
        ("TLP:AMBER+STRICT", "tlp"),
        ("ATTORNEY-CLIENT PRIVILEGED", "privileged"),
        ("contains TRADE SECRETS of ACME", "trade-secret"),
        ("NUR FÜR DEN INTERNEN GEBRAUCH", "de-intern"),
        ("VERTRAULICH\n", "de-vertraulich"),
        ("CONFIDENTIEL – ne pas diffuser", "fr-confidentiel"),
        ("ESTRICTAMENTE CONFIDENCIAL", "es-confidencial"),
        ("USO INTERNO EXCLUSIVO. STRETTAMENTE RISERVATO", "it-riservato"),
        ("STRIKT VERTROUWELIJK", "nl-vertrouwelijk"),
        ("TOP SECRET//SI//NOFORN", "us-classified"),
        ("CUI//SP-PRVCY", "cui"),
        ("VS-NfD", "vs-nfd"),
        ("OFFICIAL-SENSITIVE", "uk-classified"),
        ("SECRET UE/EU SECRET", "eu-nato-classified"),
    ],
)
def test_a_marking_is_found(text: str, expected: str) -> None:
    assert expected in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Please treat this as confidential; it is strictly confidential between us.",
        "Confidentiality matters. What is confidential computing?",
        "class ConfidentialClient(ClientApplication):\n    CONFIDENTIAL = 1\n",
        "The internal use only API is documented below.",
        "For internal use, call the function with `internal_only=True`.",
        "if level == 'RESTRICTED': raise AccessError",
        "a secret, a top secret, and the trade secret act",
        "Die Daten sind vertraulich und nur intern zu verwenden.",
        "ce document est confidentiel et à usage interne",
        "Classification: the model predicts one of ten classes",
        "TLP is the traffic light protocol",
        "[REDACTED:confidential] <CONFIDENTIAL_1> <TLP_1> [REDACTED:us-classified]",
        "",
    ],
)
def test_prose_and_program_text_are_no_markings(text: str) -> None:
    assert found(text) == set()

from __future__ import annotations

from pathlib import Path

import pytest

from weir.dlp.rules import BUILT_IN, RuleError, load_rules
from weir.dlp.secret_rule import SEVERITIES

GOOD = """\
rules:
  - id: secret/acme-key
    description: ACME key
    severity: high
    source: format documented by ACME
    regex: 'acme_[0-9a-f]{32}'
    match: ['key acme_{hex:32}']
    miss: ['acme_<your key>']
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "acme.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_built_in_rules() -> None:
    rules = load_rules().rules
    assert len(rules) >= 100
    assert len({rule.id for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.match and rule.miss and rule.source and rule.description, rule.id
        assert rule.severity in SEVERITIES
    families = {file.stem for file in (BUILT_IN / "secrets").glob("*.yaml")}
    assert families == {"ai", "cloud", "vcs", "ci", "chat", "payment", "database", "crypto", "generic"}


VENDORS = """
openai anthropic google groq xai perplexity openrouter huggingface replicate elevenlabs nvidia fireworks together
databricks deepseek cerebras bedrock cohere aws gcp azure github gitlab slack stripe twilio sendgrid npm pypi docker
vault terraform digitalocean shopify square telegram discord database private-key jwt url-password password api-key
"""


@pytest.mark.parametrize("vendor", VENDORS.split())
def test_a_vendor_is_covered(vendor: str) -> None:
    assert any(rule.id.startswith(f"secret/{vendor}") for rule in load_rules().rules)


def test_rules_of_an_operator_are_added(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    both = load_rules([tmp_path])
    assert {rule.id for rule in both.rules} - {rule.id for rule in load_rules().rules} == {"secret/acme-key"}
    assert both.digest != load_rules().digest == load_rules([]).digest


def test_an_id_that_exists_is_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("acme-key", "openai-key"))
    with pytest.raises(RuleError, match="exists already"):
        load_rules([tmp_path])


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("severity: high", "severity: huge", 4, "severity"),
        ("secret/acme-key", "acme-key", 2, "id"),
        ("secret/acme-key", "secret/Acme Key", 2, "id"),
        ("    severity: high\n", "", 2, "severity"),
        ("description: ACME key", "description: ''", 3, "description"),
        ("source:", "sauce:", 5, "sauce"),
        ("acme_[0-9a-f]{32}'", "acme_([0-9a-f]{32}'", 6, "regex"),
        ("'acme_[0-9a-f]{32}'", "'(?:acme)*'", 6, "regex"),
        ("'key acme_{hex:32}'", "'key acme_{hex:31}'", 7, "match"),
        ("'acme_<your key>'", "'fine', 'acme_{hex:32}'", 8, "miss"),
        ("match: ['key acme_{hex:32}']", "match: []", 7, "match"),
        ("match: ['key acme_{hex:32}']", "match: acme_{hex:32}", 7, "match"),
        ("    match:", "    validator: luck\n    match:", 7, "validator"),
        ("    match:", "    secret_group: 1\n    match:", 7, "secret_group"),
        ("    match:", "    score: 2\n    match:", 7, "score"),
        ("    match:", "    entropy_min: high\n    match:", 7, "entropy_min"),
        ("    match:", "    filler: maybe\n    match:", 7, "filler"),
        ("    match:", "    id: secret/other\n    match:", 7, "id"),
        ("rules:\n", "rulez:\n", 1, "rules"),
        ("rules:\n", "version: 1\nrules:\n", 1, "rules"),
        ("  - id: secret/acme-key\n", "  - just text\n  - id: secret/acme-key\n", 2, "rules"),
        ("severity: high", "severity: [high", 5, "file"),
    ],
)
def test_every_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, line: int, field: str) -> None:
    file = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(RuleError) as caught:
        load_rules([tmp_path])
    error = caught.value
    assert (error.file, error.field) == (file, field)
    assert error.line == line
    assert str(error).startswith(f"{file}:{line}: {field}: ")
    assert error.remedy and str(error).endswith(error.remedy)


def test_the_line_is_that_of_the_example(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("miss: ['acme_<your key>']", "miss:\n      - fine\n      - 'acme_{hex:32}'"))
    with pytest.raises(RuleError, match="example 2 of secret/acme-key is found") as caught:
        load_rules([tmp_path])
    assert caught.value.line == 10


def test_an_empty_file_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    with pytest.raises(RuleError, match="rules"):
        load_rules([tmp_path])
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RuleError, match="UTF-8"):
        load_rules([tmp_path])


def test_errors_do_not_quote_examples(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("key acme_{hex:32}", "canary-value-7731"))
    with pytest.raises(RuleError) as caught:
        load_rules([tmp_path])
    assert "canary" not in str(caught.value)


def test_a_pattern_that_is_slow_on_its_example_is_refused(tmp_path: Path) -> None:
    slow = GOOD.replace("acme_[0-9a-f]{32}", "([a-z.]|[a-z.][a-z.]*[a-z.])@").replace("key acme_{hex:32}", "acme@")
    write(tmp_path, slow.replace("acme_<your key>", "a." * 20_000 + " @"))
    with pytest.raises(RuleError, match="takes too long"):
        load_rules([tmp_path])

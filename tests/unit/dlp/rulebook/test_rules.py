from __future__ import annotations

from pathlib import Path

import pytest

from harness.effort import within
from weir.dlp.core.patterns import Deadline
from weir.dlp.core.reach import reach_of
from weir.dlp.rulebook.rules import RuleError, RuleSet, load_rules
from weir.dlp.rulebook.secret_rule import SEVERITIES

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
    assert sum(rule.category == "secret" for rule in rules) >= 215
    assert sum(rule.category == "marking" for rule in rules) >= 15
    assert len({rule.id for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.match and rule.miss and rule.source and rule.description, rule.id
        assert rule.severity in SEVERITIES
    assert {rule.category for rule in rules} == {"secret", "marking"}


def test_the_built_in_rules_are_proved_in_no_time_and_read_in_less() -> None:
    proved = within(5, lambda: load_rules(prove=True))
    known = within(1, load_rules)
    assert known.digest == proved.digest
    for one, other in zip(known.rules, proved.rules, strict=True):
        assert (one.id, one.pattern.pattern, one.group, one.match) == (
            other.id, other.pattern.pattern, other.group, other.match
        )  # fmt: skip
        assert 0 <= one.group <= one.pattern.groups and one.pattern.flags == other.pattern.flags


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


WORDS = """\
rules:
  - id: word/projects
    description: names of projects
    severity: high
    words: [Falcon, 'Blue Heron', C++]
"""


def hits(ruleset: RuleSet, name: str, text: str) -> list[str]:
    rule = next(rule for rule in ruleset.rules if rule.id == name)
    return [text[start:end] for start, end in rule.spans(text, Deadline(60))]


def test_a_regex_of_any_category(tmp_path: Path) -> None:
    write(
        tmp_path,
        GOOD.replace("secret/acme-key", "custom/ticket").replace("    source: format documented by ACME\n", ""),
    )
    ruleset = load_rules([tmp_path])
    assert hits(ruleset, "custom/ticket", "see acme_" + "0" * 32) == ["acme_" + "0" * 32]  # no sample is passed over
    assert next(rule for rule in ruleset.rules if rule.id == "custom/ticket").category == "custom"


def test_a_list_of_words(tmp_path: Path) -> None:
    write(tmp_path, WORDS)
    ruleset = load_rules([tmp_path])
    assert hits(ruleset, "word/projects", "FALCON, blue-heron and falcons in C++") == ["FALCON", "blue-heron", "C++"]


def test_a_list_of_words_that_minds_case(tmp_path: Path) -> None:
    write(tmp_path, WORDS + "    case: true\n    match: [Falcon]\n    miss: [falcon]\n")
    assert hits(load_rules([tmp_path]), "word/projects", "falcon Falcon") == ["Falcon"]


def test_words_from_a_file(tmp_path: Path) -> None:
    write(tmp_path, WORDS.replace("words: [Falcon, 'Blue Heron', C++]", "words_file: names.txt"))
    names = tmp_path / "names.txt"
    names.write_text("# projects\n\nFalcon\n  Blue Heron \n", encoding="utf-8")
    before = load_rules([tmp_path])
    assert hits(before, "word/projects", "falcon blue heron # projects") == ["falcon", "blue heron"]
    names.write_text("Kestrel\n", encoding="utf-8")
    assert load_rules([tmp_path]).digest != before.digest


def test_mistakes_in_a_words_file_have_its_own_lines(tmp_path: Path) -> None:
    file = write(tmp_path, WORDS.replace("words: [Falcon, 'Blue Heron', C++]", "words_file: names.txt"))
    with pytest.raises(RuleError, match="cannot be read") as caught:
        load_rules([tmp_path])
    assert (caught.value.file, caught.value.line) == (file, 5)
    names = tmp_path / "names.txt"
    for content, line in ((b"Falcon\n\n#\nx\n", 4), (b"Falcon\n\xff\n", 2), (b"ok\n" + b"y" * 101 + b"\n", 2)):
        names.write_bytes(content)
        with pytest.raises(RuleError) as caught:
            load_rules([tmp_path])
        assert (caught.value.file, caught.value.line, caught.value.field) == (names, line, "words_file")
    names.write_bytes(b"# nothing\n")
    with pytest.raises(RuleError, match="holds 0 words"):
        load_rules([tmp_path])


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("    words: [Falcon, 'Blue Heron', C++]\n", "", 2, "regex"),
        ("    words:", "    words_file: x.txt\n    words:", 5, "words_file"),
        ("    words:", "    filler: true\n    words:", 5, "filler"),
        ("[Falcon, 'Blue Heron', C++]", "[Falcon, '++']", 5, "words"),
        ("[Falcon, 'Blue Heron', C++]", "Falcon", 5, "words"),
        ("word/projects", "exact/projects", 2, "id"),
        ("word/projects", "Word/projects", 2, "id"),
    ],
)
def test_mistakes_in_a_list_of_words(tmp_path: Path, old: str, new: str, line: int, field: str) -> None:
    file = write(tmp_path, WORDS.replace(old, new, 1))
    with pytest.raises(RuleError) as caught:
        load_rules([tmp_path])
    assert (caught.value.file, caught.value.line, caught.value.field) == (file, line, field)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="is not a folder"):
        load_rules([tmp_path / "nowhere"])


def test_a_keyword_is_known_in_every_spelling(tmp_path: Path) -> None:
    text = GOOD.replace("acme_[0-9a-f]{32}'", "[0-9a-f]{32}'\n    keywords: [acme_api]\n    reach: 20")
    text = text.replace("key acme_{hex:32}", "acmeApiKey={hex:32}").replace("acme_<your key>", "key {hex:32}")
    write(tmp_path, text)
    ruleset = load_rules([tmp_path])
    value = "0123456789abcdef" * 2
    for name in ("ACME_API_KEY=", "acme-api: ", "the acme api key ", "acmeApi = "):
        assert hits(ruleset, "secret/acme-key", name + value) == []  # a sample
        assert hits(ruleset, "secret/acme-key", f"{name}{'7a3f91c2d8e4b605' * 2}") == ["7a3f91c2d8e4b605" * 2]
    assert hits(ruleset, "secret/acme-key", "acme_api" + " " * 21 + "7a3f91c2d8e4b605" * 2) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("    match:", "    reach: 0\n    match:", 7, "reach"),
        ("    match:", "    keywords: ['']\n    match:", 7, "keywords"),
        ("    match:", "    case: true\n    match:", 7, "case"),
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


def test_what_is_assigned_is_sought_around_its_name_only() -> None:
    rules = {rule.id: rule.pattern.pattern for rule in load_rules().rules}
    for name in ("password", "api-key", "secret"):
        assert reach_of(rules[f"secret/{name}-assignment"]) is not None, "run over a whole text it takes 20 ms"

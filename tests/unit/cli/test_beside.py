"""What stands beside a policy: found before weir starts, each with its line and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.cli.beside import doubts, refused
from weir.identity import users
from weir.keys.virtual import new_key
from weir.settings import Settings, load

CHEAP = users.Work(log2_n=10, r=1, p=1)


def policy(folder: Path, text: str) -> Settings:
    (folder / "p.yaml").write_text(f"version: 1\n{text}\n")
    return load(folder / "p.yaml")


def private(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (
            None,
            0,
            "{p}:2: identity.users: {u} cannot be read (No such file or directory); "
            "make it with: weir identity add NAME --users {u}",
        ),
        ("", 0o644, "{p}:2: identity.users: {u} is open to other users (mode 0644); run: chmod 600 {u}"),
        ("\nann:x\n", 0o600, "{u}:2: after the name stands no scrypt hash; set the password again"),
        ("\udcff", 0o600, "{p}:2: identity.users: {u} is not UTF-8 text; give a users file that weir can read"),
    ],
)
def test_a_users_file_that_cannot_be_used(tmp_path: Path, text: str | None, mode: int, said: str) -> None:
    path = tmp_path / "users"
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        path.chmod(mode)
    found = refused(policy(tmp_path, "identity: {users: users}"))
    assert [str(mistake) for mistake in found] == [said.format(p=tmp_path / "p.yaml", u=path)]


def test_one_network_written_twice(tmp_path: Path) -> None:
    text = "identity: {networks: [{cidr: 10.0.0.0/8, team: a}, {cidr: '::ffff:10.0.0.0/104', team: b}]}"
    (mistake,) = refused(policy(tmp_path, text))
    assert (mistake.line, mistake.field, mistake.remedy) == (2, "identity.networks", "keep one")


@pytest.mark.parametrize(
    ("entity", "remedy"), [("EMIAL_ADDRESS", "write EMAIL_ADDRESS"), ("QQQQ", "weir dlp rules --category pii ")]
)
def test_an_entity_that_nothing_finds(tmp_path: Path, entity: str, remedy: str) -> None:
    (mistake,) = refused(policy(tmp_path, f"dlp:\n  entities:\n    - URL\n    - {entity}"))
    assert (mistake.line, mistake.field) == (5, "dlp.entities[1]")
    assert mistake.remedy.startswith(remedy)


def test_a_broken_detector_is_told_at_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "r.yaml").write_text("- id: secret/own\n  regexp: x\n")
    (mistake,) = refused(policy(tmp_path, "dlp: {rules: [own]}"))
    assert mistake.file == str(tmp_path / "own" / "r.yaml")


def test_a_detector_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "own" / "folder.yaml").mkdir(parents=True)
    (mistake,) = refused(policy(tmp_path, "dlp: {rules: [own]}"))
    assert (mistake.line, mistake.field) == (2, "dlp.rules")
    assert mistake.problem == f"{tmp_path}/own/folder.yaml cannot be read (Is a directory)"


def test_files_of_keys(tmp_path: Path) -> None:
    private(tmp_path / "good", "a-provider-key")
    private(tmp_path / "open", "a-provider-key", 0o644)
    private(tmp_path / "virtual", key := new_key())
    text = "\n".join(
        [
            "keys:",
            '  openai: {secret: "file:good"}',
            '  anthropic: {secret: "file:none"}',
            '  google-gemini: {secret: "file:open"}',
            '  azure-openai: {secret: "file:virtual", hosts: ["x.openai.azure.com"]}',
            '  mistral: {secret: "env:WEIR_NO_SUCH_KEY"}',
        ]
    )
    settings = policy(tmp_path, text)
    assert refused(settings) == ()
    found = doubts(settings)
    assert [(mistake.line, mistake.field) for mistake in found] == [
        (4, "keys.anthropic.secret"),
        (5, "keys.google-gemini.secret"),
        (6, "keys.azure-openai.secret"),
    ]
    assert "cannot be read (No such file" in found[0].problem
    assert found[1].remedy == f"run: chmod 600 {tmp_path}/open"
    assert found[2].remedy == "put the provider's own key there"
    assert key not in "".join(map(str, found))


def test_keys_of_services_where_anybody_can_have_a_host(tmp_path: Path) -> None:
    text = "\n".join(
        [
            "keys:",
            '  azure-openai: {secret: "env:A"}',
            '  databricks: {secret: "env:A"}',
            '  cloudflare-ai-gateway: {secret: "env:A"}',
            '  huggingface: {secret: "env:A"}',
            "  snowflake-cortex:",
            '    secret: "env:A"',
            '    hosts: ["acme.snowflakecomputing.com", "*.snowflakecomputing.com"]',
        ]
    )
    settings = policy(tmp_path, text)
    found = refused(settings)
    assert [(one.line, one.field, one.remedy.partition("hosts: ")[2]) for one in found] == [
        (3, "keys.azure-openai", "[yourname.openai.azure.com]"),
        (4, "keys.databricks", "[yourname.cloud.databricks.com]"),
        (5, "keys.cloudflare-ai-gateway", "[gateway.ai.cloudflare.com]"),
    ]
    assert all("anybody's" in one.problem for one in found)
    (doubt,) = doubts(settings)
    assert (doubt.line, doubt.field) == (9, "keys.snowflake-cortex.hosts[1]")
    assert doubt.remedy == "write yourname.snowflakecomputing.com"


def test_files_of_several_keys_and_of_other_forms(tmp_path: Path) -> None:
    private(tmp_path / "good", "a-provider-key")
    private(tmp_path / "aws", '{"AccessKeyId": "AKIA", "SecretAccessKey": "x"}')
    text = "\n".join(
        [
            "keys:",
            "  openai:",
            "    secrets:",
            '      - {secret: "file:good", weight: 3}',
            '      - {secret: "file:none"}',
            '  aws-bedrock: {secret: "file:aws", form: aws}',
            '  mistral: {secret: "file:aws", form: aws}',
            '  google-vertex: {secret: "file:good", form: google}',
        ]
    )
    found = doubts(policy(tmp_path, text))
    assert [(mistake.line, mistake.field) for mistake in found] == [
        (6, "keys.openai.secrets[1].secret"),
        (9, "keys.google-vertex.secret"),
        (8, "keys.mistral.form"),
    ]
    assert "service account" in found[1].problem and "Bedrock" in found[2].problem
    assert "a-provider-key" not in "".join(map(str, found))


def test_a_folder_without_detectors(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "r.yml").write_text("")
    (mistake,) = doubts(policy(tmp_path, "dlp:\n  rules: [own]"))
    assert (mistake.line, mistake.field, mistake.problem) == (3, "dlp.rules[0]", "has no detectors in it")


TEAMS = "teams: {fnance: {services: openai}}\n"


@pytest.mark.parametrize(
    ("identity", "fields"),
    [
        ("", []),  # everybody comes with a virtual key: nothing is known
        ("identity: {networks: [{cidr: 10.0.0.0/8, team: finance}]}", ["teams.fnance"]),
        ("identity: {networks: [{cidr: 10.0.0.0/8, team: fnance}]}", []),
        ("identity: {users: users}", ["teams.fnance"]),
        ("identity: {users: gone, networks: [{cidr: 10.0.0.0/8, team: finance}]}", []),  # told as a mistake
    ],
)
def test_teams_that_nobody_has(tmp_path: Path, identity: str, fields: list[str]) -> None:
    users.add(tmp_path / "users", "ann", "first", team="finance", work=CHEAP)
    assert [mistake.field for mistake in doubts(policy(tmp_path, TEAMS + identity))] == fields


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("exec:read-key openai", "is not the absolute path of a command; write exec:/usr/local/bin/read-key openai"),
        ("exec:/none/read-key sk-1", "/none/read-key is no program here that can be started; put it there"),
        ("exec:/bin/echo \\'", "has an open quotation mark; close it"),
        ("vault:kv#key", "is no path in Vault; write vault:MOUNT/PATH#FIELD"),
        ("keyring:weir", "is no entry of a keyring; write keyring:SERVICE/USER"),
        ("exec:/bin/sh -c true", ""),
        ("vault:kv/weir#key", ""),
        ("keyring:weir/openai", ""),
    ],
)
def test_a_reference_that_can_lead_nowhere(tmp_path: Path, reference: str, said: str) -> None:
    text = f'keys:\n  openai:\n    secrets:\n      - {{secret: "env:A"}}\n      - {{secret: "{reference}"}}'
    found = [mistake for mistake in doubts(policy(tmp_path, text.replace("\\'", "'"))) if "openai" in mistake.field]
    assert [(one.line, one.field) for one in found] == ([(6, "keys.openai.secrets[1].secret")] if said else [])
    assert all(said in f"{one.problem}; {one.remedy}" and "sk-1" not in str(one) for one in found)


@pytest.mark.parametrize(
    ("audit", "said"),
    [
        ("{content: {keep: full, days: 30}, retention: {days: 30}}", ()),
        ("{content: {keep: 'off', days: 500}}", ()),
        ("{content: {keep: findings, days: 500}}", ("content.days: keeps texts for 500 days", "write 400, or raise")),
        ("{content: {days: 500, keep: full}, retention: {days: 100, except: [{teams: [a], days: 500}]}}", ()),
        (
            "{content: {keep: 'off', except: [{keep: full, teams: [a]}, {keep: full, teams: [b], days: 401}]}}",
            ("content.except[1].days: keeps texts for 401 days", "for more than 400"),
        ),
    ],
)
def test_texts_that_outlive_their_records(tmp_path: Path, audit: str, said: tuple[str, ...]) -> None:
    found = [str(mistake) for mistake in doubts(policy(tmp_path, f"audit: {audit}"))]
    assert len(found) == bool(said) and all(part in "".join(found) for part in said), found


def test_a_file_of_prices_that_cannot_be_read_is_told_at_the_policys_line(tmp_path: Path) -> None:
    (mistake,) = refused(policy(tmp_path, "usage: {prices: none.yaml}"))
    assert str(mistake).startswith(
        f"{tmp_path}/p.yaml:2: usage.prices: {tmp_path}/none.yaml cannot be read (No such file"
    )
    (tmp_path / "none.yaml").write_text("version: 1\nmodels: 5\n")
    (mistake,) = refused(policy(tmp_path, "usage: {prices: none.yaml}"))[:1]
    assert (mistake.file, mistake.line) == (f"{tmp_path}/none.yaml", 2)


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("{except: [0.0.0.0/0]}", [2]),
        ("{except: [10.1.0.0/16, '::/0']}", [2]),
        ("{except: [10.0.0.0/8, 169.254.169.253]}", []),
        ("{except: [0.0.0.0/0], metadata: allow}", []),
    ],
)
def test_an_exception_that_opens_the_metadata_is_doubted(tmp_path: Path, written: str, lines: list[int]) -> None:
    found = [
        one for one in doubts(policy(tmp_path, f"destinations: {written}")) if one.field.startswith("destinations")
    ]
    assert [one.line for one in found] == lines
    assert all("hand out credentials" in str(one) for one in found)

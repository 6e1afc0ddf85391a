"""``weir keys``: a key is seen once, on stdout, and nowhere else ever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weir.keys.virtual import VirtualKeys, looks_virtual, new_key


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def opened(data: Path) -> VirtualKeys:
    from weir.datadir import DataDir

    directory = DataDir(data)
    return VirtualKeys(directory.keys / "virtual.json", directory.secret("virtual-keys"))


def test_create_prints_the_key_alone_and_keeps_nothing_of_it(weir, data: Path) -> None:
    done = weir(
        "keys", "create", "--app", "bot", "--team", "ops", "--user", "ann", "--services", "openai, anthropic",
        "--expires", "90d", "--data", data,
    )  # fmt: skip
    key = done.out.removesuffix("\n")
    assert done.code == 0
    assert looks_virtual(key)
    record = opened(data).lookup(key)
    assert record is not None
    assert (record.app, record.team, record.user, record.services) == ("bot", "ops", "ann", ("openai", "anthropic"))
    assert record.expires is not None
    assert record.created is not None
    assert (record.expires - record.created).days in (89, 90)
    assert key not in done.err
    assert record.id in done.err
    listed = weir("keys", "list", "--data", data)
    assert key not in listed.out + listed.err
    files = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    assert key.encode() not in files


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--expires", "2020-01-01"], "lies in the past"),
        (["--expires", "soon"], "write 90m"),
        (["--user", "a\x1bb"], "without control characters"),
    ],
)
def test_create_refuses_nonsense(weir, data: Path, options: list[str], message: str) -> None:
    done = weir("keys", "create", "--app", "a", "--team", "t", "--data", data, *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_create_needs_app_and_team(weir, data: Path) -> None:
    assert weir("keys", "create", "--app", "a", "--data", data).code == 2
    assert not data.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--app", "", "--team", "t"], "--app is empty"),
        (["--app", "a", "--team", " "], "--team is empty"),
        (["--app", "a", "--team", "t", "--services", "openai,opnai"], "no service is called 'opnai'; write openai"),
        (["--app", "a", "--team", "t", "--services", "qqqq"], "weir providers lists those with a key of their own"),
        (["--app", "a", "--team", "t", "--services", ","], "--services is empty"),
    ],
)
def test_create_refuses_a_key_for_nobody_or_nothing(weir, data: Path, options: list[str], message: str) -> None:
    done = weir("keys", "create", *options, "--data", data)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err
    assert not data.exists()


def test_create_says_what_it_made_and_for_how_long(weir, data: Path) -> None:
    first = weir("keys", "create", "--app", "a", "--team", "t", "--data", data)
    assert f"made {data}, a new data directory" in first.err
    assert "every service, without end" in first.err
    assert "It never expires" in first.err
    assert f"--data {data}" in first.err
    second = weir("keys", "create", "--app", "a", "--team", "t", "--expires", "2w", "--data", data)
    assert "new data directory" not in second.err
    assert "never" not in second.err


def test_list_tells_the_state_of_each(weir, data: Path) -> None:
    for app in ("one", "two"):
        weir("keys", "create", "--app", app, "--team", "t", "--data", data)
    first = json.loads(weir("keys", "list", "--data", data, "--format", "json").out)[0]["id"]
    assert weir("keys", "revoke", first, "--data", data).code == 0
    done = weir("keys", "list", "--data", data, "--format", "json")
    rows = json.loads(done.out)
    assert [(row["app"], row["state"]) for row in rows] == [("one", "revoked"), ("two", "active")]
    assert set(rows[0]) == {"id", "state", "app", "team", "user", "services", "created", "expires", "revoked"}
    assert done.err == ""
    assert all(row["created"].endswith("Z") and row["expires"] is None for row in rows)
    assert [row["revoked"] is None for row in rows] == [False, True]
    table = weir("keys", "list", "--data", data).out
    assert table.split()[6:8] == ["created", "expires"]
    assert [line.split()[-1] for line in table.splitlines()[1:]] == ["never", "never"]
    assert rows[0]["created"][:10] in table
    assert [line.split()[1] for line in table.splitlines()[1:]] == ["revoked", "active"]
    assert all(len(line) <= 80 for line in table.splitlines())


def test_revoke(weir, data: Path) -> None:
    key = weir("keys", "create", "--app", "a", "--team", "t", "--data", data).out.strip()
    record = opened(data).lookup(key)
    assert record is not None
    done = weir("keys", "revoke", record.id, "--data", data, "--format", "json")
    assert json.loads(done.out) == {"id": record.id, "revoked": True, "already": False}
    revoked = opened(data).lookup(key)
    assert revoked is not None
    assert revoked.revoked is not None
    again = weir("keys", "revoke", record.id, "--data", data)
    assert (again.code, again.out) == (0, "")
    assert again.err == f"{record.id} was revoked already, on {revoked.revoked:%Y-%m-%d %H:%M} UTC\n"
    assert json.loads(weir("keys", "revoke", record.id, "--data", data, "--format", "json").out)["already"] is True
    unknown = weir("keys", "revoke", "vk-000000000000", "--data", data)
    assert (unknown.code, unknown.out) == (1, "")


def test_revoke_wants_the_id_and_never_repeats_a_key(weir, data: Path) -> None:
    data.mkdir(mode=0o700)
    key = new_key()
    done = weir("keys", "revoke", key, "--data", data)
    assert (done.code, done.out) == (2, "")
    assert key not in done.err


def test_asking_makes_no_data_directory(weir, data: Path) -> None:
    for command in (["list"], ["revoke", "vk-1"]):
        done = weir("keys", *command, "--data", data)
        assert done.code == 1
        assert "--data" in done.err
    assert not data.exists()


def test_a_damaged_store_is_one_line(weir, data: Path) -> None:
    weir("keys", "create", "--app", "a", "--team", "t", "--data", data)
    (data / "keys" / "virtual.json").write_text("{")
    done = weir("keys", "list", "--data", data)
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1

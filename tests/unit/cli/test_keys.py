"""``weir keys``: a key is seen once, on stdout, and nowhere else ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from weir.cli import keys
from weir.keys.virtual import KeyBudget, VirtualKeys, VirtualKeysError, looks_virtual, new_key
from weir.keys.virtual.store import KeyStore


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def opened(data: Path) -> VirtualKeys:
    from weir.datadir import DataDir

    directory = DataDir(data)
    return VirtualKeys(data / "limits.db", directory.secret("virtual-keys"))


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
        (["--budget", "much"], "write dollars as 50/month"),
        (["--networks", "10.20.1.0/16"], "write 10.20.0.0/16"),
        (["--networks", ","], "--networks is empty"),
        (
            ["--services", "openai,anthropic", "--operations", "chat"],
            "anthropic has none of these; its own are completions",
        ),
        (["--operations", "chta"], "no operation is called 'chta'; write chat"),
    ],
)
def test_create_refuses_nonsense(weir, data: Path, options: list[str], message: str) -> None:
    done = weir("keys", "create", "--app", "a", "--team", "t", "--data", data, *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


@pytest.mark.parametrize("option", ["services", "models", "operations", "networks", "budget", "expires"])
def test_an_empty_limit_is_none_and_not_taken_for_one(weir, data: Path, option: str) -> None:
    done = weir("keys", "create", "--app", "a", "--team", "t", f"--{option}", "", "--data", data)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert f"--{option} is empty, which would be no limit at all" in done.err
    assert not data.exists()


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
    assert "It never expires" in first.err and "only for" not in first.err
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
    assert set(rows[0]) == {
        "id", "state", "app", "team", "user", "note", "services", "models", "operations", "networks", "budget",
        "created", "expires", "revoked", "rotated",
    }  # fmt: skip
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
    (data / "limits.db").write_bytes(b"damaged" * 1000)
    done = weir("keys", "list", "--data", data)
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1


def test_create_with_all_that_can_be_said(weir, data: Path) -> None:
    done = weir(
        "keys", "create", "--app", "bot", "--team", "ops", "--models", "gpt-5*, claude-*", "--operations", "chat",
        "--networks", "10.20.0.0/16,2001:db8::/32", "--budget", "50/month", "--note", "for the demo", "--data", data,
    )  # fmt: skip
    assert done.code == 0, done.err
    limits = "models gpt-5*, claude-*; operations chat; networks 10.20.0.0/16, 2001:db8::/32; a budget of 50/month"
    assert f"good for every service, without end\nonly for {limits}\n" in done.err
    record = opened(data).lookup(done.out.strip())
    assert record is not None
    assert (record.models, record.operations, record.note) == (("gpt-5*", "claude-*"), ("chat",), "for the demo")
    assert [str(one) for one in record.networks] == ["10.20.0.0/16", "2001:db8::/32"]
    assert record.budget == KeyBudget("nano_usd", 50 * 10**9, "month")
    shown = weir("keys", "show", record.id, "--data", data)
    for word in ("10.20.0.0/16", "50/month", "gpt-5*", "for the demo", "never"):
        assert word in shown.out
    told = json.loads(weir("keys", "show", record.id, "--format", "json", "--data", data).out)
    assert (told["uses"], told["last_used"], told["state"], told["budget"]) == (0, None, "active", "50/month")


def test_show_and_rotate_want_the_id(weir, data: Path) -> None:
    data.mkdir(mode=0o700)
    key = new_key()
    for command in ("show", "rotate"):
        done = weir("keys", command, key, "--data", data)
        assert (done.code, done.out) == (2, "") and key not in done.err
        done = weir("keys", command, "vk-1", "--data", data)
        assert (done.code, done.out) == (1, "") and "no key 'vk-1'" in done.err


def test_rotate_prints_the_new_key_once(weir, data: Path) -> None:
    old = weir("keys", "create", "--app", "a", "--team", "t", "--data", data).out.strip()
    before = opened(data).lookup(old)
    assert before is not None
    done = weir("keys", "rotate", before.id, "--grace", "2h", "--data", data)
    new = done.out.strip()
    assert done.code == 0 and looks_virtual(new) and new != old and new not in done.err
    assert "the old key is good until" in done.err
    ring = opened(data)
    first, second = ring.lookup(old), ring.lookup(new)
    assert first is not None and first.grace_until is not None and second is not None and second.id == before.id
    assert "the old key is gone" in weir("keys", "rotate", before.id, "--grace", "0", "--data", data).err
    assert opened(data).lookup(old) is None
    for grace in ("2020-01-01", "900d", "soon"):
        assert weir("keys", "rotate", before.id, "--grace", grace, "--data", data).code == 2
    weir("keys", "revoke", before.id, "--data", data)
    refused = weir("keys", "rotate", before.id, "--data", data)
    assert refused.code == 1 and "is revoked; make a new key instead" in refused.err


def test_a_key_that_stands_in_the_store_is_seen_whatever_comes_after(
    weir, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise VirtualKeysError("the store of virtual keys went away")

    data.mkdir(mode=0o700)
    with monkeypatch.context() as patch:
        patch.setattr(KeyStore, "changes", gone)
        patch.setattr(VirtualKeys, "refresh", reading_later(VirtualKeys.refresh))
        done = weir("keys", "create", "--app", "a", "--team", "t", "--data", data)
    key = done.out.strip()
    record = opened(data).lookup(key)
    assert done.code == 0 and record is not None and record.id in done.err
    assert "was stored and is good" in done.err and "went away" in done.err and key not in done.err
    with monkeypatch.context() as patch:
        patch.setattr(KeyStore, "changes", gone)
        patch.setattr(VirtualKeys, "refresh", reading_later(VirtualKeys.refresh))
        done = weir("keys", "rotate", record.id, "--grace", "0", "--data", data)
    old = opened(data).lookup(key)
    assert done.code == 0 and old is not None and old.grace_until is not None, "rotated out"
    assert (found := opened(data).lookup(done.out.strip())) is not None and found.id == record.id


def reading_later(refresh: Callable[[VirtualKeys], None]) -> Callable[[VirtualKeys], None]:
    """As a store that could be read when it was opened, and no more after it was changed."""
    begun: list[VirtualKeys] = []

    def read(keys: VirtualKeys) -> None:
        if keys in begun:
            refresh(keys)
        begun.append(keys)

    return read


def test_a_key_that_nobody_could_read_is_withdrawn(weir, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: str) -> None:
        raise OSError(28, "No space left on device")

    key = weir("keys", "create", "--app", "a", "--team", "t", "--data", data).out.strip()
    with monkeypatch.context() as patch:
        patch.setattr(keys, "write", full)
        done = weir("keys", "create", "--app", "b", "--team", "t", "--data", data)
        assert (done.code, done.out) == (1, "") and "No space left on device); it is withdrawn again" in done.err
        kept, gone = opened(data).list()
        assert (kept.revoked, gone.app) == (None, "b") and gone.revoked is not None
        done = weir("keys", "rotate", kept.id, "--data", data)
        assert (done.code, done.out) == (1, "") and "could not be written out" in done.err
    record = opened(data).lookup(key)
    assert record is not None and record.grace_until is not None, "the holders of the old one are served"

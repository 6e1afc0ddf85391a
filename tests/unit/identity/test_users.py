"""The users file: checking, caching, changing it, and saying where it is wrong."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from weir.identity import users as module
from weir.identity.users import DEFAULT_WORK, Users, UsersError, Work, add, remove

CHEAP = Work(log2_n=10, r=1, p=1)
PASSWORD = "-".join(["open", "the", "weir"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "users"
    add(file, "ada", PASSWORD, team="fin ance", app="a=b", groups=("eu", "x,y"), work=CHEAP)
    add(file, "bob", "other", work=CHEAP)
    return file


def touch_later(path: Path) -> None:
    """Make the change visible even on file systems with coarse times."""
    info = path.stat()
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns + 1_000_000))


def test_the_right_password_gives_the_principal(path: Path) -> None:
    users = Users.load(path)
    assert len(users) == 2
    ada = users.verify("ada", PASSWORD)
    assert ada is not None
    assert (ada.user, ada.team, ada.app, ada.groups) == ("ada", "fin ance", "a=b", ("eu", "x,y"))
    assert (ada.method, ada.strength) == ("basic", 2)


@pytest.mark.parametrize(
    ("name", "password"),
    [("ada", "other"), ("bob", PASSWORD), ("ada", ""), ("", PASSWORD), ("eve", PASSWORD), ("ADA", PASSWORD)],
)
def test_anything_else_gives_nobody(path: Path, name: str, password: str) -> None:
    users = Users.load(path)
    assert users.verify(name, password) is None
    assert users.verify(name, password) is None
    assert users.cached(name, password) is None


def test_only_a_checked_credential_is_cached(path: Path) -> None:
    users = Users.load(path)
    assert users.cached("ada", PASSWORD) is None
    assert users.verify("ada", PASSWORD) == users.cached("ada", PASSWORD)
    assert users.cached("ada", PASSWORD + "x") is None
    assert users.cached("adao", PASSWORD[1:]) is None


def test_name_and_password_cannot_run_into_each_other(path: Path) -> None:
    add(path, "adaopen", "-the-weir", work=CHEAP)
    users = Users.load(path)
    assert users.verify("ada", PASSWORD) is not None
    assert users.cached("adaopen", PASSWORD.removeprefix("open")) is None


def test_each_credential_costs_one_hash(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = Work.hash
    monkeypatch.setattr(Work, "hash", lambda self, *a: calls.append(self) or real(self, *a))
    users = Users.load(path)
    for name, password in [("ada", PASSWORD), ("ada", "wrong"), ("nobody", "x")]:
        users.verify(name, password)
        users.verify(name, password)
    # An unknown name costs what a known one does; what was once decided costs nothing.
    assert calls == [CHEAP] * 3


def test_caches_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_SIZE", 1)
    monkeypatch.setattr(module, "REFUSED_SIZE", 2)
    users = Users.load(path)
    for number in range(5):
        users.verify("ada", str(number))
    assert len(users._refused) == 2
    users.verify("ada", PASSWORD)
    users.verify("bob", "other")
    assert users.cached("ada", PASSWORD) is None
    assert users.cached("bob", "other") is not None


def test_composed_and_decomposed_names_are_one(path: Path) -> None:
    add(path, "zoe\u0308", "pa\u0308ss", work=CHEAP)
    users = Users.load(path)
    assert users.verify("zoë", "päss") is not None
    assert users.cached("zoe\u0308", "pa\u0308ss") is not None


def test_the_file_is_private_and_holds_no_password(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PASSWORD not in path.read_text()
    path.chmod(0o640)
    with pytest.raises(UsersError, match="chmod 600"):
        Users.load(path)


def test_changes_keep_comments_and_order(path: Path) -> None:
    path.write_text("# ours\n\n" + path.read_text())
    add(path, "ada", "new", team="legal", work=CHEAP)
    assert path.read_text().startswith("# ours\n\n# one user a line")
    users = Users.load(path)
    assert users.verify("ada", PASSWORD) is None
    ada = users.verify("ada", "new")
    assert ada is not None
    assert ada.team == "legal"
    assert remove(path, "ada")
    assert not remove(path, "ada")
    assert Users.load(path).verify("ada", "new") is None
    assert path.read_text().startswith("# ours\n\n")


def test_a_new_password_keeps_what_is_not_named(path: Path) -> None:
    add(path, "ada", "new", work=CHEAP)
    ada = Users.load(path).verify("ada", "new")
    assert ada is not None
    assert (ada.team, ada.app, ada.groups) == ("fin ance", "a=b", ("eu", "x,y"))
    now = add(path, "ada", "newer", team="", device="desk", groups=(), work=CHEAP)
    assert (now.user, now.team, now.app, now.device, now.groups) == ("ada", "", "a=b", "desk", ())
    assert Users.load(path).verify("ada", "newer") == now


def test_principals_come_in_the_order_of_the_file(path: Path) -> None:
    assert [(user.user, user.team) for user in Users.load(path).principals()] == [("ada", "fin ance"), ("bob", "")]


def test_a_missing_file_or_folder_is_named_itself(tmp_path: Path) -> None:
    with pytest.raises(UsersError, match=f"^{tmp_path}/none: there is no such file$"):
        remove(tmp_path / "none", "ada")
    with pytest.raises(UsersError, match=f"^{tmp_path}/no/users: its folder is not there"):
        add(tmp_path / "no" / "users", "ada", "x", work=CHEAP)


def test_equal_passwords_have_different_hashes(path: Path) -> None:
    add(path, "eve", PASSWORD, work=CHEAP)
    hashes = [line.split(":")[1] for line in path.read_text().splitlines() if not line.startswith("#")]
    assert len(set(hashes)) == len(hashes) == 3


def test_a_changed_file_is_taken_over(path: Path) -> None:
    users = Users.load(path)
    assert users.verify("ada", PASSWORD) is not None
    assert not users.reload_if_changed()
    remove(path, "ada")
    add(path, "carol", "pw", work=CHEAP)
    assert users.reload_if_changed()
    assert users.cached("ada", PASSWORD) is None
    assert users.verify("ada", PASSWORD) is None
    assert users.verify("carol", "pw") is not None


def test_a_broken_change_is_reported_once_and_the_old_users_stay(path: Path) -> None:
    users = Users.load(path)
    path.write_text("nonsense\n")
    touch_later(path)
    with pytest.raises(UsersError, match=":1: "):
        users.reload_if_changed()
    assert not users.reload_if_changed()
    assert users.verify("ada", PASSWORD) is not None
    path.unlink()
    with pytest.raises(UsersError, match="cannot be read"):
        users.reload_if_changed()
    assert users.cached("ada", PASSWORD) is not None


def good(path: Path) -> str:
    return next(line for line in path.read_text().splitlines() if line.startswith("bob:")).partition(":")[2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("eve", "no scrypt hash"),
        ("eve:plain-text", "no scrypt hash"),
        ("eve:$apr1$x$y", "no scrypt hash"),
        ("eve:scrypt$x$8$5$AAAA$AAAA", "damaged"),
        ("eve:scrypt$14$8$5$!!!!$AAAA", "damaged"),
        ("eve:scrypt$40$8$5$AAAAAAAAAAAAAAAAAAAAAA==$AAAA", "out of bounds"),
        ("eve:scrypt$14$8$5$AAAA$AAAA", "out of bounds"),
        ("eve:scrypt$14$8$5$AAAAAAAAAAAAAAAAAAAAAA==$AAAA", "damaged"),
        (":GOOD", "a user name is"),
        ("bob:GOOD", "'bob' stands in the file twice"),
        ("eve:GOODtem=x", "attributes are"),
        ("eve:GOODteam", "attributes are"),
        ("eve:GOODteam=a team=b", "attributes are"),
    ],
)
def test_mistakes_name_the_line_and_quote_no_hash(path: Path, line: str, message: str) -> None:
    line = line.replace("GOOD", good(path))
    path.write_text(path.read_text() + "# note\n" + line + "\n")
    with pytest.raises(UsersError, match=message) as caught:
        Users.load(path)
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"{path}:5: ")
    assert "plain-text" not in mistake
    assert "AAAA" not in mistake
    with pytest.raises(UsersError):
        add(path, "new", "pw", work=CHEAP)


def test_all_mistakes_come_at_once(path: Path) -> None:
    path.write_text("one\ntwo\n")
    with pytest.raises(UsersError) as caught:
        Users.load(path)
    assert [m.split(":")[1] for m in caught.value.mistakes] == ["1", "2"]


def test_a_file_that_is_no_text_is_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsersError, match="not UTF-8"):
        Users.load(path)


@pytest.mark.parametrize("name", ["", "a:b", " a", "#a", "a\nb", "a\u2028b", "a\udcff", "x" * 257])
def test_names_that_basic_cannot_carry(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="a user name"):
        add(tmp_path / "users", name, "pw", work=CHEAP)
    assert not (tmp_path / "users").exists()


@pytest.mark.parametrize("password", ["", "a\nb", "\x00"])
def test_passwords_that_basic_cannot_carry(tmp_path: Path, password: str) -> None:
    with pytest.raises(ValueError, match="a password is not empty"):
        add(tmp_path / "users", "ada", password, work=CHEAP)


def test_the_default_cost_is_worth_its_name_and_the_cache_spares_it(tmp_path: Path) -> None:
    add(tmp_path / "users", "ada", PASSWORD)
    users = Users.load(tmp_path / "users")
    assert DEFAULT_WORK.log2_n >= 14
    start = time.perf_counter()
    assert users.verify("ada", PASSWORD)
    slow = time.perf_counter() - start
    fast = min(_timed(users) for _ in range(20))
    assert fast * 100 < slow


def _timed(users: Users) -> float:
    start = time.perf_counter()
    assert users.cached("ada", PASSWORD)
    return time.perf_counter() - start


def test_a_changed_file_forgets_only_whom_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "users"
    for name in ("ada", "bob", "cleo"):
        add(path, name, "correct horse", team="x", work=Work(10, 1, 1))
    known = Users.load(path)
    for name in ("ada", "bob", "cleo"):
        assert known.verify(name, "correct horse")
    add(path, "ada", "battery staple", work=Work(10, 1, 1))
    remove(path, "bob")
    assert known.reload_if_changed()
    assert [known.cached(name, "correct horse") is not None for name in ("ada", "bob", "cleo")] == [False, False, True]

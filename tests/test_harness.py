"""The harness itself: a search that finds nothing must have looked."""

from __future__ import annotations

import base64
import gzip
import marshal
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest
import yaml
import zstandard
from _pytest.assertion import rewrite

from harness import precompiled, stores
from harness.canary import Canaries, assert_no_canaries
from harness.processes import ROOT, Process, until
from harness.weir import write_policy
from weir.audit.store import database

VALUE = 'zq-7"Kpä/secret+value=='


def planted() -> Canaries:
    canaries = Canaries()
    canaries.plant(VALUE, "the value")
    return canaries


def escaped(value: str) -> bytes:
    return value.replace('"', '\\"').replace("ä", "\\u00e4").encode()


HIDDEN = {
    "as it is": VALUE.encode(),
    "percent-encoded": quote(VALUE, safe="").encode(),
    "as JSON": escaped(VALUE),
    "in hex": VALUE.encode().hex().encode(),
    "in base64": base64.b64encode(VALUE.encode()),
    "in base64, one byte in": base64.b64encode(b"x" + VALUE.encode() + b"yy"),
    "in base64, two bytes in": base64.b64encode(b"u:" + VALUE.encode() + b"y"),
    "in gzip": gzip.compress(b"words " + VALUE.encode()),
    "in zstd": zstandard.compress(b"words " + VALUE.encode()),
}


@pytest.mark.parametrize("how", HIDDEN)
def test_a_canary_is_found_and_not_quoted(how: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    packed = how in ("in gzip", "in zstd")
    (tmp_path / "deep" / "file").write_bytes(HIDDEN[how] if packed else b"\0before " + HIDDEN[how] + b"; after")
    with pytest.raises(AssertionError, match=r"deep/file.*: the value") as found:
        assert_no_canaries([tmp_path], planted())
    assert VALUE not in str(found.value)


def test_a_canary_in_a_parquet_file_is_found(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("create table t as select ? as said from range(1000)", [VALUE])
        connection.execute(f"copy t to '{tmp_path}/a.parquet' (compression zstd)")
    with pytest.raises(AssertionError, match=r"a\.parquet.*: the value"):
        assert_no_canaries([tmp_path], planted())


def test_clean_files_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nothing")
    (tmp_path / "b").write_bytes(gzip.compress(b"nothing"))
    assert assert_no_canaries([tmp_path, tmp_path / "a"], planted()) == 3
    assert assert_no_canaries([tmp_path], Canaries()) == 2


def test_a_canary_too_short_to_be_looked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="8 characters"):
        Canaries().plant("short", "x")


def test_registers_are_handed_on_privately(tmp_path: Path) -> None:
    path = tmp_path / "register"
    planted().save(path)
    assert path.stat().st_mode & 0o077 == 0
    other = Canaries()
    other.load(path)
    assert other.forms() == planted().forms()


LEAKING = """
from harness.canary import CANARIES
def test_it(artefacts):
    (artefacts / "weir.err").write_text(CANARIES.plant("kp-planted-" + "value", "the plant"))
"""


PLUGINS = ("-p", "no:cacheprovider", "-p", "no:langsmith_plugin", "-p", "no:hypothesispytest", "-p", "no:anyio")


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "parallel"])
@pytest.mark.parametrize("leaks", [True, False])
def test_a_run_that_leaks_fails_at_its_end(workers: list[str], leaks: bool, tmp_path: Path) -> None:
    text = LEAKING if leaks else LEAKING.replace("planted-", "written-", 1).replace("CANARIES.plant(", "max(")
    (tmp_path / "test_leak.py").write_text(text)
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WEIR_", "PYTEST_"))}
    paths = os.pathsep.join([str(ROOT / "addons"), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGINS, "--rootdir", str(tmp_path), *workers, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**clean, "PYTHONPATH": paths, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == (1 if leaks else 0), done.stdout + done.stderr
    assert ("planted secrets were written" in done.stdout) is leaks
    assert "kp-planted" not in done.stdout
    assert bool(list(tmp_path.glob("weir-tests-*"))) is leaks


def test_write_policy_changes_sections(tmp_path: Path) -> None:
    base = {"version": 1, "mode": "enforce", "audit": {"durability": "strict"}, "rules": [1]}
    path = write_policy(tmp_path / "p.yaml", base, mode="observe", audit__content="off", rules=None)
    written = yaml.safe_load(path.read_text())
    assert written == {"version": 1, "mode": "observe", "audit": {"durability": "strict", "content": "off"}}


def test_a_process_is_stopped_with_its_children(tmp_path: Path) -> None:
    code = "import subprocess, sys; c = subprocess.Popen(['sleep', '300']); print(c.pid, flush=True); c.wait()"
    process = Process("p", ["-c", code], tmp_path)
    child = int(until(process.stdout_path.read_text, "the child's id"))
    process.kill()
    until(lambda: not _lives(child), "the child's end")
    assert not process.running


def test_a_process_that_ignores_sigterm_fails_the_test(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('here', flush=True); time.sleep(300)"
    process = Process("p", ["-c", code], tmp_path)
    until(process.stdout_path.read_text, "its start")
    with pytest.raises(AssertionError, match="did not end"):
        process.stop(seconds=0.5)
    assert process.wait() == -signal.SIGKILL


def _lives(pid: int) -> bool:
    """False for a zombie too: in a container nobody may be there to bury it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_until_says_what_was_waited_for() -> None:
    with pytest.raises(AssertionError, match="in vain for: rain"):
        until(lambda: None, "rain", seconds=0.05)


def test_every_file_is_named_even_where_contents_are_alike(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"the same " + VALUE.encode())
    (tmp_path / "c").write_text("the same nothing")
    with pytest.raises(AssertionError) as found:
        assert_no_canaries([tmp_path], planted())
    told = str(found.value)
    assert f"{tmp_path}/a: the value" in told and f"{tmp_path}/b: the value" in told and "/c:" not in told


def test_all_values_of_thousands_are_found_in_every_form_one_within_the_other_too(tmp_path: Path) -> None:
    many, values = Canaries(), [f"canary-{number:05d}-{'x' * (number % 7)}" for number in range(2000)]
    for value in values:
        many.plant(value, f"number {value}")
    many.plant("canary-0", "the beginning of some")
    forms = list(many.forms().items())
    (tmp_path / "file").write_bytes(b"\0\xff".join(form for form, _ in forms))
    with pytest.raises(AssertionError) as found:
        assert_no_canaries([tmp_path], many)
    told = {line.partition(": ")[2] for line in str(found.value).splitlines()[1:]}
    assert told == {what for _, what in forms}


def test_bytes_that_only_begin_as_a_packed_file_are_no_error(tmp_path: Path) -> None:
    canaries = Canaries()
    canaries.plant(VALUE, "a value")
    (tmp_path / "key").write_bytes(b"\x1f\x8b\x08" + bytes(29))
    (tmp_path / "cut").write_bytes(gzip.compress(b"words " + b"x" * 100_000)[:-20])
    assert assert_no_canaries([tmp_path], canaries) == 2


def test_what_is_compiled_ahead_is_what_pytest_and_python_take(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    tested, plain, broken = (tmp_path / name for name in ("test_one.py", "two.py", "test_broken.py"))
    tested.write_text("def test_it():\n    assert 1 == 2\n")
    plain.write_text("two = 2\n")
    broken.write_text("def (\n")
    precompiled.compile_all(pytestconfig, [broken, tested, plain])
    made = sorted(path.name for path in (tmp_path / "__pycache__").iterdir())
    assert len(made) == 2 and made[0].startswith("test_one.") and made[1].startswith("two."), made
    code = rewrite._read_pyc(tested, tmp_path / "__pycache__" / made[0])
    assert code is not None and "@pytest_ar" in code.co_names, "its asserts are pytest's"
    assert marshal.loads((tmp_path / "__pycache__" / made[1]).read_bytes()[16:]).co_names == ("two",)


class _Killed(BaseException):
    """Like `kill -9`: nobody behind it gets to tidy up."""


@pytest.mark.parametrize("after", [0, 1, 5, 10])
def test_who_is_killed_over_a_copied_store_leaves_no_half_a_file(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied, copy = 0, shutil.copyfile

    def cut_short(source: str | Path, target: str | Path, **more: bool) -> object:
        nonlocal copied
        copied += 1
        if copied > after:
            Path(target).touch()
            raise _Killed
        return copy(source, target, **more)

    with monkeypatch.context() as patched, pytest.raises(_Killed):
        stores.begun(tmp_path / "other")  # what is copied is there
        patched.setattr(shutil, "copyfile", cut_short)
        stores.begun(tmp_path / "audit")
    database.ensure(tmp_path / "audit")
    with database.connect(tmp_path) as store:
        assert store.execute("SELECT count(*) FROM events").fetchone() == (0,)

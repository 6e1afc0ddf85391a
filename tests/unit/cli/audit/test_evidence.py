"""``weir audit evidence``: a folder is made, checked, and what is wrong decides the exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.evidencesite import EMAIL, Site, build


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return build(tmp_path_factory.mktemp("evidence") / "data")


PERIOD = ("--since", "2023-11-15", "--until", "2023-11-18")


def test_make_and_check(weir, site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\n")
    done = weir("audit", "evidence", *PERIOD, "--out", out, "--policy", policy, "--data", site.data.path)
    assert (done.code, done.out.count("\n")) == (0, 1), done.err
    assert "15 events, 1 findings, 2 tool calls" in done.out and done.out.endswith("signed\n")
    assert "examining the whole audit" in done.err
    checked = weir("audit", "evidence", "--check", out, "--key", site.key.verifier.text)
    assert checked.code == 0 and "for 2023-11-15T00:00:00Z to 2023-11-18T00:00:00Z" in checked.out
    assert "as signed, all there are" in checked.err
    public = site.data.keys / "checkpoint.pub"
    told = json.loads(weir("audit", "evidence", "--check", out, "--key", public, "--result", "json").out)
    assert told["ok"] is True and told["rows_signed"] > 15 and told["wrong"] == []
    (out / "index.html").write_bytes((out / "index.html").read_bytes().replace(b"audit", b"AUDIT", 1))
    wrong = weir("audit", "evidence", "--check", out)
    assert (wrong.code, wrong.out) == (1, "index.html: the file was changed\n")


def test_pseudonyms(weir, site: Site, tmp_path: Path) -> None:
    key = tmp_path / "names.key"
    done = weir(
        "audit", "evidence", *PERIOD, "--out", tmp_path / "out", "--data", site.data.path, "--pseudonymous",
        "--pseudonym-key", key, "--unsigned",
    )  # fmt: skip
    assert done.code == 0 and done.out.endswith("NOT signed\n") and key.stat().st_mode & 0o777 == 0o600
    assert EMAIL not in (tmp_path / "out" / "index.html").read_text()


def test_an_audit_that_is_not_whole_still_gives_a_folder_and_says_so(weir, site: Site, tmp_path: Path) -> None:
    data = Path(shutil.copytree(site.data.path, tmp_path / "data"))
    (segment,) = (data / "spool").glob("*.jsonl*")
    segment.write_bytes(segment.read_bytes().replace(b"no space left on device", b"no time left on devices"))
    done = weir("audit", "evidence", *PERIOD, "--out", tmp_path / "out", "--data", data)
    assert done.code == 1 and "the audit is not whole" in done.err
    assert json.loads((tmp_path / "out" / "verification.json").read_text())["ok"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name the period and the place"),
        (("--since", "yesterday", "--out", "{tmp}/out"), "no time"),
        (("--since", "2023-11-18", "--until", "2023-11-15", "--out", "{tmp}/out"), "ends before it begins"),
        ((*PERIOD, "--out", "{tmp}"), "is not empty"),
        ((*PERIOD, "--out", "{tmp}/out", "--pseudonym-key", "k"), "goes with --pseudonymous"),
        (("--check", "{tmp}/none"), "is no folder"),
        (("--check", "{tmp}", "--key", "nonsense"), "no public key"),
    ],
)
def test_what_cannot_be_done(weir, words: tuple[str, ...], said: str, site: Site, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("x")
    done = weir("audit", "evidence", "--data", site.data.path, *(word.format(tmp=tmp_path) for word in words))
    assert (done.code, done.out) == (2, "") and said in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_without_the_key_nobody_vouches_unless_asked(weir, site: Site, tmp_path: Path) -> None:
    data = Path(shutil.copytree(site.data.path, tmp_path / "data"))
    (data / "keys" / "checkpoint.key").unlink()
    done = weir("audit", "evidence", *PERIOD, "--out", tmp_path / "out", "--data", data)
    assert done.code == 1 and "--unsigned" in done.err and not (tmp_path / "out").exists()

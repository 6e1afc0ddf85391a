"""Checkpoints and keys are in the folder, and the steps beside them work with nothing but stock tools."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path

from harness.evidencesite import Site
from weir.reports.evidence.folder import Made
from weir.reports.evidence.manifest import MANIFEST, NOTE
from weir.reports.evidence.signatures import signatures


def test_the_files(site: Site, whole: tuple[Path, Made]) -> None:
    folder = whole[0] / "checkpoints"
    assert {path.name for path in folder.iterdir()} == {
        "HOW-TO-VERIFY.md", "checkpoint.pub", "checkpoints.jsonl", "key-1.pem", "last.note"
    }  # fmt: skip
    assert (folder / "checkpoint.pub").read_text().strip() == site.key.verifier.text
    assert (folder / "checkpoints.jsonl").read_bytes() == (site.data.audit / "checkpoints.jsonl").read_bytes()


def test_the_steps_hold_with_stock_tools(whole: tuple[Path, Made], tmp_path: Path) -> None:
    folder = whole[0]
    steps = (folder / "checkpoints" / "HOW-TO-VERIFY.md").read_text()
    blocks = [
        "\n".join(line[4:] for line in block.splitlines()) for block in re.findall(r"(?:^    .*\n)+", steps, re.M)
    ]
    assert len(blocks) >= 4 and "sha256sum" in blocks[0] and "openssl" in blocks[1] and "python3" in "".join(blocks)
    script = blocks[1].replace("> text", f"> {tmp_path}/text").replace("-in text", f"-in {tmp_path}/text")
    script = script.replace("> signature", f"> {tmp_path}/sig").replace(
        "-sigfile signature", f"-sigfile {tmp_path}/sig"
    )
    for block in (blocks[0], script):
        done = subprocess.run(["bash", "-ec", block], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert done.stdout.split()[-1] == MANIFEST and done.stdout.split()[-2] in (folder / NOTE).read_text()
    python = next(block for block in blocks if "hashlib" in block or "END" in block)
    walked = re.search(r"python3 - <<'END'\n(.*?)\n    END", steps, re.S)
    assert python and walked
    code = "\n".join(line[4:] for line in walked[1].splitlines())
    done = subprocess.run(["python3", "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0 and "follow each other" in done.stdout, done.stderr


def test_the_pem_is_the_key_of_the_line(site: Site, whole: tuple[Path, Made]) -> None:
    pem = (whole[0] / "checkpoints" / "key-1.pem").read_text()
    assert base64.b64decode("".join(pem.splitlines()[1:-1]))[-32:] == site.key.verifier.public


def test_a_directory_without_keys(tmp_path: Path) -> None:
    made = signatures(tmp_path, tmp_path / "out")
    assert made.tables[0].table.rows == () and any("no log of checkpoints" in text for text in made.says)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"HOW-TO-VERIFY.md"}

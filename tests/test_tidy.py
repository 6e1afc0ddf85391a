"""The house rules hold, and each rule can fail: it is tried on a small tree that breaks it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness import house, house_texts
from harness.house import CONCERNS
from harness.processes import ROOT

Rule = Callable[[Path], list[str]]


def readmes(root: Path) -> list[str]:
    return house_texts.readmes(root, CONCERNS)


RULES: list[Rule] = [
    house.floors,
    house.owners,
    house.lengths,
    house.mirrors,
    house.guards,
    house_texts.strays,
    house_texts.leftovers,
    house_texts.links,
    readmes,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_is_tidy(rule: Rule) -> None:
    wrong = rule(ROOT)
    assert not wrong, "\n" + "\n".join(wrong)


LONG = "def f():\n" + "    x = 1\n" * 70
ADDON = "class A:\n    def request(self, flow):\n        return None\n"
GUARDED = ADDON.replace("    def", "    @guarded\n    def")

BROKEN = [
    ("model imports weir", house.floors, {"model.py": "import weir.settings", "settings.py": ""}, "floor 0"),
    ("floor 1 imports a concern", house.floors, {"settings.py": "from weir.dlp import a", "dlp/a.py": ""}, "floor 1"),
    ("concern imports concern", house.floors, {"dlp/a.py": "import weir.policy.b", "policy/b.py": ""}, "each other"),
    ("relative import up", house.floors, {"dlp/a.py": "from ..policy import b", "policy/b.py": ""}, "each other"),
    ("lazy counts too", house.floors, {"dlp/a.py": "def f():\n  import weir.keys.b", "keys/b.py": ""}, "each other"),
    ("pure imports edge", house.floors, {"dlp/a.py": "from weir.edge import b", "edge/b.py": ""}, "is pure"),
    ("pure imports its addon", house.floors, {"dlp/a.py": "import weir.dlp.addon", "dlp/addon.py": ""}, "its addon"),
    ("edge imports an addon", house.floors, {"edge/a.py": "import weir.dlp.addon", "dlp/addon.py": ""}, "edge imports"),
    ("addon imports chain", house.floors, {"dlp/addon.py": "import weir.chain", "chain.py": ""}, "above them"),
    ("addon imports a concern", house.floors, {"dlp/addon.py": "import weir.keys.b", "keys/b.py": ""}, "each other"),
    ("pure imports mitmproxy", house.owners, {"dlp/a.py": "from mitmproxy import http"}, "mitmproxy is imported only"),
    ("cli imports mitmproxy at once", house.owners, {"cli/run.py": "import mitmproxy"}, "mitmproxy is imported only"),
    ("presidio elsewhere", house.owners, {"dlp/a.py": "import presidio_analyzer"}, "presidio_analyzer is imported"),
    ("duckdb elsewhere", house.owners, {"usage/a.py": "def f():\n    import duckdb"}, "duckdb is imported only"),
    ("sqlalchemy elsewhere", house.owners, {"usage/a.py": "import sqlalchemy"}, "sqlalchemy is imported only"),
    ("the limits library elsewhere", house.owners, {"usage/a.py": "import limits"}, "limits is imported only"),
    ("model third party", house.owners, {"model.py": "import pydantic"}, "model imports pydantic"),
    ("a long file", house.lengths, {"dlp/a.py": "x = 1\n" * 301}, "301 lines"),
    ("a long function", house.lengths, {"dlp/a.py": LONG}, "f has 71 lines"),
    ("a thick addon", house.lengths, {"dlp/addon.py": "x = 1\n" * 81}, "81 lines"),
    ("no test", house.mirrors, {"dlp/a.py": "def f(): ..."}, "tests/unit/dlp/test_a.py"),
    ("no test of an addon", house.mirrors, {"dlp/addon.py": GUARDED}, "tests/edge/test_dlp_addon.py"),
    ("a test of nothing", house.mirrors, {"/tests/unit/nowhere/test_a.py": ""}, "there is no weir.nowhere.a"),
    ("an open hook", house.guards, {"dlp/addon.py": ADDON}, "A.request is not @guarded"),
    ("an open hook in edge", house.guards, {"edge/a.py": ADDON}, "A.request is not @guarded"),
    ("an index option", house_texts.strays, {"/r.lock": "--index" + "-url x"}, "naming a package index"),
    ("an index address", house_texts.strays, {"/a.md": "https://py" + "pi.org/simple"}, "address of a package index"),
    ("a machine's path", house_texts.strays, {"/a.md": "see /ro" + "ot/notes"}, "path of one machine"),
    ("key files", house_texts.strays, {"/certs/ca.pem": ""}, "CA or key material"),
    ("a key", house_texts.strays, {"/a.md": "AKIA" + "QRSTUVWXYZ234567"}, "looks like an AWS key"),
    ("a lock with addresses", house_texts.strays, {"/uv.lock": ""}, "lock file"),
    ("left over", house_texts.leftovers, {"dlp/a.py": "# TO" + "DO later"}, "left over"),
    ("a dead link", house_texts.links, {"/README.md": "[x](docs/nowhere.md)"}, "leads nowhere: docs/nowhere.md"),
    ("no readme", readmes, {"dlp/a.py": ""}, "no README.md"),
    ("a thin readme", readmes, {"dlp/README.md": "# dlp\n## Policy\n"}, "no section ## What it does"),
]


def tree(root: Path, files: dict[str, str]) -> Path:
    """A checkout with these files: names from the root start with a slash, all others stand in ``addons/weir``."""
    (root / "addons" / "weir").mkdir(parents=True)
    for name, text in files.items():
        path = root / name[1:] if name.startswith("/") else root / "addons" / "weir" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(("rule", "files", "said"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_rule_is_found(rule: Rule, files: dict[str, str], said: str, tmp_path: Path) -> None:
    wrong = rule(tree(tmp_path, files))
    assert any(said in line for line in wrong), wrong


FINE = {
    "model.py": "import enum",
    "settings.py": "from weir.model import x",
    "dlp/a.py": "from weir.model import x\nfrom weir import settings\nfrom .b import y\ndef f(): ...",
    "dlp/b.py": "y = 1",
    "dlp/addon.py": "from mitmproxy import http\nfrom weir.edge import guard\nfrom weir.dlp import a\n" + GUARDED,
    "dlp/README.md": "# dlp\n## What it does\n## Policy\n## Example\n[a](a.py#f)\n## Where things are\n",
    "edge/guard.py": "import mitmproxy\nimport weir.dlp.a",
    "chain.py": "import weir.dlp.addon",
    "cli/run.py": "import weir.audit.store.database\ndef f():\n    import mitmproxy\n    from weir import chain",
    "audit/store/database.py": "import duckdb",
    "audit/README.md": "# audit\n## What it does\n## Policy\n## Example\n## Where things are\n",
    "/tests/unit/dlp/test_a.py": "",
    "/tests/unit/cli/test_run.py": "",
    "/tests/edge/test_dlp_addon.py": "",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_tidy_tree_passes(rule: Rule, tmp_path: Path) -> None:
    assert rule(tree(tmp_path, FINE)) == []


def test_offline_commands_do_not_load_mitmproxy() -> None:
    code = "import sys, weir.cli; sys.exit('mitmproxy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT / "addons")}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_the_lock_holds_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(item for extra in project["optional-dependencies"].values() for item in extra)]
    lock = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    locked: dict[str, list[Requirement]] = {}
    for line in lock.splitlines():
        if line and not line.startswith("#"):
            head, *hashes = line.split("--hash=sha256:")
            assert hashes and all(re.fullmatch(r"[0-9a-f]{64}\s*", value) for value in hashes), line[:80]
            requirement = Requirement(head)
            locked.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    for text in asked:
        wanted = Requirement(text)
        rows = [
            row for row in locked.get(canonicalize_name(wanted.name), []) if not row.marker or row.marker.evaluate()
        ]
        version = str(rows[0].specifier).removeprefix("==") if rows else "none"
        fits = bool(rows) and wanted.specifier.contains(version)
        assert fits or (wanted.marker and not wanted.marker.evaluate()), f"{text}: the lock has {version}"

from __future__ import annotations

import ast
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.processes import ROOT
from weir.lean import uncollected

Run = Callable[..., Any]

PACKAGE = {
    "family/__init__.py": (
        '"""Doc."""\n'
        "import logging\n"
        "from family.one import ONE, OTHER as RENAMED\n"
        "from .two import TWO\n"
        "from . import three\n"
        "from family.eager import BASE, Later\n"
        "from family.deep import DEEP\n"
        "__all__ = ['ONE', 'TWO']\n"
        "TABLE = {'base': BASE}\n"
        "log = logging.getLogger('family')\n"
        "def make(kind=BASE):\n"
        "    return [TWO, kind, three.THREE]\n"
    ),
    "family/one.py": "ONE, OTHER = 1, 'other'\n",
    "family/two.py": "from family import ONE\nTWO = ONE + 1\n",
    "family/three.py": "THREE = 3\n",
    "family/eager.py": "BASE = 'base'\nclass Later: pass\n",
    "family/deep/__init__.py": "from .inner import *\nfrom family.deep.side import SIDE\n",
    "family/deep/inner.py": "DEEP = 'deep'\n",
    "family/deep/side.py": "SIDE = 's'\n",
    "family/uses.py": "from costly.part import Thing\ndef f(x: Thing) -> Thing: ...\n",
    "costly/__init__.py": "LOADED = True\n",
    "costly/part.py": "class Thing: pass\n",
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run code in a process of its own in which ``family`` is imported lean; what it prints is JSON."""
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)

    def in_process(code: str, setting: str = "lean('family')") -> Any:
        start = f"import json, sys\nfrom weir.lean import lean\n{setting}\n"
        tell = "there = lambda p: sorted(n for n in sys.modules if n.partition('.')[0] == p)\n"
        path = os.pathsep.join([str(ROOT / "addons"), str(tmp_path)])
        done = subprocess.run(
            [sys.executable, "-c", start + tell + code],
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return in_process


def test_only_what_the_package_itself_needs_is_imported_at_first(run: Run) -> None:
    assert run("import family; print(json.dumps(there('family')))") == ["family", "family.eager"]


def test_names_are_there_when_asked_for(run: Run) -> None:
    code = (
        "import family\nfrom family import ONE, three\nfrom family.deep import DEEP, SIDE\nimport family.two\n"
        "print(json.dumps([family.RENAMED, family.TWO, ONE, three.THREE, DEEP, SIDE, family.TABLE, family.__doc__,"
        " family.Later is family.eager.Later, 'RENAMED' in vars(family), hasattr(family, 'nothing')]))"
    )
    assert run(code) == ["other", 2, 1, 3, "deep", "s", {"base": "base"}, "Doc.", True, True, False]


def test_a_function_imports_what_it_needs_when_it_is_called(run: Run) -> None:
    code = (
        "import family\nbefore = there('family')\nmade = family.make()\n"
        "print(json.dumps([before == ['family', 'family.eager'], made]))"
    )
    assert run(code) == [True, [2, "base", 3]]


def test_what_is_imported_already_stays_as_it_is(run: Run) -> None:
    code = (
        "found = len(sys.meta_path)\nlean('family')\nprint(json.dumps([there('family'), len(sys.meta_path) - found]))"
    )
    whole, more = run(code, "import family")
    assert set(whole) >= {"family", "family.one", "family.two", "family.three", "family.eager", "family.deep"}
    assert more == 0


def test_a_costly_module_is_replaced_for_the_one_that_only_names_it(run: Run) -> None:
    setting = "lean('family', 'family.uses', 'costly.part', ('Thing',))"
    code = (
        "from family.uses import f\nbefore = there('costly')\nfrom costly.part import Thing\nimport costly\n"
        "print(json.dumps([before, f.__annotations__['x'].__name__, costly.LOADED, f.__annotations__['x'] is Thing]))"
    )
    assert run(code, setting) == [[], "Thing", True, False]
    loaded = run(code, "import costly.part\n" + setting)
    assert loaded == [["costly", "costly.part"], "Thing", True, True]


def test_presidio_is_imported_without_its_models_and_whole_on_request(run: Run) -> None:
    code = (
        "from weir.dlp.personal.presidio import load_detectors\nload_detectors(None, 0.5)\n"
        "heavy = [n for n in ('spacy', 'numpy') if n in sys.modules]\ncount = len(there('presidio_analyzer'))\n"
        "from presidio_analyzer import AnalyzerEngine, predefined_recognizers\n"
        "from presidio_analyzer.nlp_engine import SpacyNlpEngine\n"
        "import spacy.tokens\n"
        "print(json.dumps([heavy, count, AnalyzerEngine.__module__, spacy.tokens.Doc.__name__,"
        " len(predefined_recognizers.__all__) > 80]))"
    )
    heavy, count, engine, doc, all_there = run(code)
    assert heavy == [] and count < 40
    assert (engine, doc, all_there) == ("presidio_analyzer.analyzer_engine", "Doc", True)


def test_a_module_with_side_effects_waits_until_its_class_is_made(run: Run) -> None:
    setting = "from weir.lean import import_late\nmade = import_late('family.uses', 'costly.part', 'Thing')"
    code = (
        "from family.uses import Thing\nbefore = there('costly')\nthing = Thing()\nafter = there('costly')\n"
        "import costly.part\n"
        "print(json.dumps([before, after, type(thing) is costly.part.Thing, made is sys.modules['family.uses']]))"
    )
    assert run(code, setting) == [[], ["costly", "costly.part"], True, True]
    loaded = "import costly.part\n" + setting + "\nfrom family.uses import Thing"
    assert run("print(json.dumps(Thing is sys.modules['costly.part'].Thing))", loaded) is True


def test_nothing_listens_to_every_audit_event_of_a_running_weir(run: Run) -> None:
    setting = (
        "hooked = []\nadd = sys.addaudithook\n"
        "sys.addaudithook = lambda hook: (hooked.append(hook.__module__), add(hook))[1]\nimport weir.chain"
    )
    code = (
        "from weir.dlp.core.engine import Engine\nfrom weir.providers.services.hosts import public_suffix\n"
        "Engine.load(fingerprint_key=b'k' * 32)\npublic_suffix('*.co.uk')\n"
        "print(json.dumps([hooked, there('filelock'), bool(there('tldextract'))]))"
    )
    assert run(code, setting) == [[], [], True]


def test_the_names_that_presidio_gets_placeholders_for_stand_in_annotations_only() -> None:
    spec = find_spec("presidio_analyzer")
    assert spec is not None and spec.submodule_search_locations
    file = Path(spec.submodule_search_locations[0]) / "nlp_engine" / "nlp_artifacts.py"
    tree = ast.parse(file.read_text())
    allowed = {
        id(name)
        for node in ast.walk(tree)
        if isinstance(node, ast.arg) and node.annotation is not None
        for name in ast.walk(node.annotation)
    }
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in ("Doc", "Span")]
    assert used and all(id(node) in allowed for node in used)


def test_mitmproxy_loads_the_addons_that_are_asked_for(run: Run) -> None:
    code = (
        "import mitmproxy.master\nheavy = [n for n in ('flask', 'ldap3', 'werkzeug') if n in sys.modules]\n"
        "from mitmproxy import addons\n"
        "print(json.dumps([heavy, len(addons.default_addons()), addons.onboarding.Onboarding.__name__]))"
    )
    heavy, count, name = run(code, "lean('mitmproxy.addons')")
    assert heavy == [] and count > 25 and name == "Onboarding"


def test_nothing_is_collected_while_a_process_starts_and_it_is_again_when_that_fails() -> None:
    assert gc.isenabled()
    with pytest.raises(ValueError, match="no start"), uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()  # the outer one ends it
        raise ValueError("no start")
    assert gc.isenabled()

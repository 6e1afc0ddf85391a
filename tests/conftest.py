"""Fixtures of all tests, and the check that ends every run: no planted secret stands in anything weir wrote.

A run owns one folder: ``artefacts/`` holds what weir processes write (spool, Parquet, output), ``private/`` what may
hold secrets (the doubles' keys, the workers' registers of canaries). The folder goes when the run succeeds.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from hypothesis import HealthCheck, settings

from harness import forking, precompiled, quieter
from harness.canary import CANARIES, assert_no_canaries
from harness.doubles import Doubles
from harness.patterns import Kept
from harness.remembered import remember
from harness.stores import copies
from harness.weir import PROVIDER_HOSTS, Weir, write_policy
from weir.dlp.core import compiled

# How long an example takes says how busy the machine is: no deadline, and no complaint of slow making of them.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

_FOLDER = "WEIR_TEST_RUN"
_WORKER = "PYTEST_XDIST_WORKER"
_WHOLE = ("tests/unit/", "tests/property/", "tests/golden/")  # modules that stay in one worker


compiled._in_use = _patterns = Kept()
typer.main.get_command = cache(typer.main.get_command)  # commands made of functions: the same for each call
remember()  # weir's own rules and catalogue
forking.install()
copies()  # of an empty store


def _run_folder() -> Path:
    return Path(os.environ[_FOLDER])


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's folder before workers start: they inherit its name."""
    gc.disable()  # until all tests are collected: what that makes stays
    config.addinivalue_line("markers", "needs(command): a system program that scripts/test installs where it may")
    config.addinivalue_line("markers", "really_new: what it starts are new Pythons, as in life, and no forks")
    agents = Path(__file__).parents[1] / ".venv" / "agents" / "node_modules" / ".bin"  # scripts/agents puts them there
    os.environ["PATH"] = f"{agents}{os.pathsep}{os.environ['PATH']}"
    if _WORKER not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="weir-tests-"))
        os.environ[_FOLDER] = str(folder)
        for name in ("artefacts", "private", "private/patterns"):
            (folder / name).mkdir(mode=0o700)
    else:
        precompiled.compile_mine(config, config.rootpath)
        quieter.say_less(config)
        quieter.leave_at_once(config)
    _patterns.folder = _run_folder() / "private" / "patterns"


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """From now on garbage is collected, without walking all modules and tests each time: a second a walk."""
    gc.freeze()
    gc.enable()
    atexit.register(gc.unfreeze)  # libraries complain at the end of what nobody has collected


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """With its fixtures: those of a module whose tests are all marked too."""
    with forking.really_new() if item.get_closest_marker("really_new") else contextlib.nullcontext():
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out a test whose program is missing, but only when scripts/test has tried to install it and said so."""
    absent = dict(pair.partition("=")[::2] for pair in os.environ.get("WEIR_SKIP", "").split())
    for mark in item.iter_markers("needs"):
        command = mark.args[0]
        if command in absent:
            pytest.skip(f"{command} is not installed (package {absent[command]}), and could not be")
        if shutil.which(command) is None:
            pytest.fail(f"{command} is missing: add it to scripts/test, which installs what tests need", pytrace=False)


class _Numbered(list[str]):
    """A list that knows where everything is, and does not go through 20,000 tests to find one."""

    def __init__(self, items: Sequence[str]) -> None:
        super().__init__(items)
        self._places = {item: place for place, item in enumerate(items)}

    def index(self, item: str, *_: Any) -> int:  # type: ignore[override]
        return self._places[item]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a module with an ``xdist_group`` or fixtures of its own in one worker: what they share, such as
    a proxy, takes seconds to make, and every worker would make its own. So it is with the modules of whole folders:
    all are short, and what the first test of one loads the others find loaded.

    ``--dist loadgroup`` is to do that, but writes the group where pytest 9.2 does not look any more (xdist 3.8).
    """
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler.loadscope import LoadScopeScheduling

    @cache
    def grouped(module: str) -> bool:
        if module.startswith(_WHOLE):
            return True
        text = (config.rootpath / module).read_text()
        return "mark.xdist_group(" in text or 'scope="module"' in text

    class ByModule(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return module if grouped(module) else nodeid

        def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
            super().add_node_collection(node, collection)
            if node in self.registered_collections:  # not where it is another one's instead
                self.registered_collections[node] = _Numbered(collection)

        def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
            scope = self._split_scope(self.registered_collections[node][item_index])
            super().mark_test_complete(node, item_index, duration)
            work = self.assigned_work[node]
            if all(work[scope].values()):  # every test that ends would count all that have ended: 11 s for 20,000
                del work[scope]

    return ByModule(config, log)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Workers hand in their canaries; whoever ends the run looks for all of them."""
    folder = _run_folder()
    worker = os.environ.get(_WORKER)
    CANARIES.save(folder / "private" / f"canaries-{worker or 'main'}.json")
    (folder / "private" / f"forks-{worker or 'main'}").write_text(f"{forking.forked} {forking.failed}")
    if worker:
        return
    counts = [map(int, path.read_text().split()) for path in (folder / "private").glob("forks-*")]
    forked, failed = map(sum, zip(*counts, strict=True))
    session.config.stash[_FORKS] = f"{forked} programs were forks" + (
        f", {failed} COULD NOT BE and were new Pythons (tests/harness/forking.py)" if failed else ""
    )
    for path in (folder / "private").glob("canaries-*.json"):
        CANARIES.load(path)
    try:
        read = assert_no_canaries([folder / "artefacts"])
        session.config.stash[_SAID] = f"{len(CANARIES)} planted secrets, none in the {read} files that weir wrote"
    except AssertionError as found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        session.config.stash[_SAID] = str(found)
    if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        shutil.rmtree(folder, ignore_errors=True)


_SAID = pytest.StashKey[str]()
_FORKS = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say how the search for canaries ended, and where a failed run's files are."""
    if _SAID in config.stash:
        terminalreporter.write_line(config.stash[_SAID])
        terminalreporter.write_line(config.stash[_FORKS])
    if _run_folder().exists():
        terminalreporter.write_line(f"what this run wrote is in {_run_folder()}")


@pytest.fixture(scope="session")
def shared_doubles() -> Iterator[Doubles]:
    """One set of doubles a worker; tests take ``doubles``."""
    doubles = Doubles(_run_folder() / "private" / f"doubles-{os.environ.get(_WORKER, 'main')}")
    yield doubles
    doubles.stop()


@pytest.fixture
def doubles(shared_doubles: Doubles) -> Doubles:
    """The provider doubles, with no memory of the test before."""
    shared_doubles.reset()
    return shared_doubles


@pytest.fixture
def artefacts(request: pytest.FixtureRequest) -> Path:
    """This test's folder for what weir writes: searched for canaries at the end of the run."""
    name = re.sub(r"[^\w.-]+", "_", request.node.nodeid)[-120:]
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=_run_folder() / "artefacts"))


@pytest.fixture
def start_weir(artefacts: Path, doubles: Doubles) -> Iterator[Callable[..., Weir]]:
    """Start ``weir run`` against the doubles: ``start_weir(base="enforce", identity__required=False, …)``.

    Keywords of ``Weir`` (hosts, environment, options, listen, upstream_port) go there, all others change the policy.
    ``policy=PATH`` takes a file as it is. Real keys are in the environment as ``OPENAI_API_KEY``,
    ``ANTHROPIC_API_KEY`` and ``GEMINI_API_KEY``. Every proxy is stopped at the test's end; one that can't be stopped
    fails the test.
    """
    started: list[Weir] = []
    keys = {f"{kind.upper()}_API_KEY": key for kind, key in doubles.keys.items()}

    def start(
        base: str | Mapping[str, Any] = "enforce",
        *,
        policy: Path | None = None,
        hosts: Sequence[str] = PROVIDER_HOSTS,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        listen: str = "127.0.0.1:0",
        upstream_port: int | None = None,
        **changes: Any,
    ) -> Weir:
        folder = artefacts / f"weir-{len(started)}"
        if "dlp" not in changes:  # long texts in threads: processes for them take as long to start as weir itself
            changes = {"dlp__processes": 0, **changes}
        path = policy or write_policy(folder / "policy.yaml", base, **changes)
        weir = Weir(
            folder,
            path,
            doubles,
            hosts=hosts,
            environment={**keys, **(environment or {})},
            options=options,
            listen=listen,
            upstream_port=upstream_port,
        )
        started.append(weir)
        return weir

    yield start
    for weir in started:
        weir.stop()


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Names of tests are the same in every worker and show no values that look like keys: long texts and bytes go by
    the name of their argument (pytest numbers them)."""
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 60) else None

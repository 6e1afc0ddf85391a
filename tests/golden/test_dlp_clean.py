"""Program text and documentation hold no secrets: on the standard library of the running Python hardly a finding."""

from __future__ import annotations

import pydoc
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pydoc_data import topics

import pytest

from weir.dlp.core.engine import Engine
from weir.model import Segment

STDLIB = Path(sysconfig.get_path("stdlib"))
REPOSITORY = Path(__file__).parents[2]
SECONDS = 40.0
KB = 1024
PER_100_KB = 2.0
NOT_CLEAN = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__", "pydoc_data"}
DOCUMENTED = [
    "argparse",
    "asyncio",
    "datetime",
    "email",
    "hashlib",
    "hmac",
    "http.client",
    "json",
    "logging",
    "os",
    "re",
    "secrets",
    "smtplib",
    "socket",
    "ssl",
]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(fingerprint_key=b"golden-clean", cache_entries=0)


def found(engine: Engine, text: str) -> Counter[str]:
    scan = engine.scan([Segment("/0", "user", text)])
    assert scan.complete, scan.reason
    return Counter(finding.detector for finding in scan.findings)


def sources() -> Iterator[Path]:
    for file in sorted(STDLIB.rglob("*.py")):
        if not NOT_CLEAN.intersection(file.relative_to(STDLIB).parts):
            yield file


def test_the_standard_library_is_clean(engine: Engine) -> None:
    files = list(sources())
    counted: Counter[str] = Counter()
    kilobytes = 0.0
    begin = time.monotonic()
    # Every eighth file, then those after them: when time is short, what was looked at is spread over all packages.
    for file in (file for first in range(8) for file in files[first::8]):
        text = file.read_text(encoding="utf-8", errors="replace")
        kilobytes += len(text) / KB
        counted += found(engine, text)
        if time.monotonic() - begin > SECONDS:
            break
    secrets = sum(count for name, count in counted.items() if not name.startswith("pii/"))
    rate = 100 * counted.total() / kilobytes
    print(f"{kilobytes:.0f} KB: {rate:.2f} findings per 100 KB, {secrets} of them no PII; {counted.most_common(8)}")
    assert kilobytes > 1000
    assert 100 * secrets / kilobytes <= 0.05, counted
    assert rate <= PER_100_KB, counted


def test_the_documentation_of_python_is_clean(engine: Engine) -> None:
    for name, text in topics.topics.items():
        assert found(engine, text) == Counter(), name
    for name in DOCUMENTED:
        text = pydoc.plain(pydoc.render_doc(import_module(name)))
        assert not {key: n for key, n in found(engine, text).items() if not key.startswith("pii/")}, name


def test_the_documentation_of_weir_is_clean(engine: Engine) -> None:
    files = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *(REPOSITORY / "docs").rglob("*.md")]
    files += (REPOSITORY / "addons" / "weir").rglob("README.md")
    assert len(files) > 10
    for file in files:
        counted = found(engine, file.read_text(encoding="utf-8"))
        if file == REPOSITORY / "README.md":
            counted["secret/aws-access-key-id"] -= 1  # the key with which its reader sees a request blocked
        assert not {key: n for key, n in counted.items() if n > 0 and not key.startswith("pii/")}, file.name

"""``python -m weir.cli`` is ``weir``."""

from __future__ import annotations

import pytest

from weir.places import version


@pytest.mark.really_new
def test_the_module_runs_as_the_script_does(process) -> None:
    done = process("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"weir {version()}\n".encode(), b"")
    assert process("nope").returncode == 2

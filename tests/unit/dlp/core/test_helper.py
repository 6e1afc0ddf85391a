"""The process that loads and forks, spoken to as pool.py does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.detectors import Faulty
from weir.dlp.core.frames import Ended, pack_question, receive, send, unpack_answer
from weir.dlp.core.helper import READY, UNUSABLE, main, serve
from weir.dlp.core.recipe import Recipe
from weir.dlp.core.scan import Scanner


def test_questions_are_answered_until_the_other_end_closes() -> None:
    ours, theirs = socket.socketpair()
    scanner = Scanner([Faulty(hits=1)], key=b"k", findings_max=5)
    ended: list[type[BaseException]] = []

    def work() -> None:
        with theirs:
            try:
                serve(theirs, scanner)
            except Ended as error:
                ended.append(type(error))

    thread = threading.Thread(target=work)
    thread.start()
    with ours:
        for text in ("x", "no", "\ud800 x"):
            data = text.encode("utf-8", "surrogatepass")
            send(ours, pack_question(data, seam=False, seconds=5.0))
            assert unpack_answer(receive(ours)) == scanner.scan(text, data, None)
    thread.join()
    assert ended == [Ended]


def test_a_confined_one_goes_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: int) -> int:
        raise PermissionError

    monkeypatch.setattr("os.nice", forbidden)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    ours, theirs = socket.socketpair()
    ours.close()
    assert main(theirs.detach()) == 0  # who asked has gone: that is how far it came


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (Recipe(entities=("CRYPTO",), fingerprint_key=b"k").dump(), READY),
        (Recipe(entities=("NOPE",), fingerprint_key=b"k").dump(), UNUSABLE),
        (b"{", UNUSABLE),
    ],
    ids=["good", "unknown entity", "no recipe"],
)
def test_it_says_whether_it_is_ready_and_ends_with_the_other_end(recipe: bytes, said: bytes, tmp_path: Path) -> None:
    (tmp_path / "weir").mkdir()
    (tmp_path / "weir" / "__init__.py").write_text("raise SystemExit(9)")  # what lies about there is not imported
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-P", "-m", "weir.dlp.core.helper", str(theirs.fileno())]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(place for place in sys.path if place)}
    with subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, cwd=tmp_path) as process:
        theirs.close()
        with ours:
            send(ours, recipe)
            assert receive(ours, until=time.monotonic() + 60) == said
        assert process.wait(20) == (0 if said == READY else 1)

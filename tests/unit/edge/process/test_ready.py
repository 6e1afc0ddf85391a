"""What a weir that listens says, to people and to programs."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from mitmproxy import ctx

from harness.rig import Rig
from weir.edge.process.ready import Ready


def test_ready_tells_people_and_programs(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    servers = SimpleNamespace(listen_addrs=lambda: [("127.0.0.1", 8080), ("::1", 8080, 0, 0)])
    monkeypatch.setattr(ctx, "master", SimpleNamespace(addons={"proxyserver": servers}), raising=False)
    rig.state.snapshot = replace(
        rig.state.snapshot, secret_problems={"groq": "keys.groq: no hosts", "openai": "keys.openai: held"}
    )
    path = tmp_path / "ready.json"
    with caplog.at_level(logging.INFO):
        Ready(rig.state, path).running()
        Ready(rig.state, None).running()
    ready = json.loads(path.read_text())
    assert (ready["listen"], ready["pid"]) == ([["127.0.0.1", 8080], ["::1", 8080]], os.getpid())
    assert (ready["mode"], ready["policy_hash"]) == ("enforce", rig.state.snapshot.settings.hash)
    own = rig.state.data.run / "weir.json"
    assert json.loads(own.read_text())["pid"] == os.getpid()
    for file in (path, own):
        assert file.stat().st_mode & 0o077 == 0
    Ready(rig.state, None).done()
    assert not own.exists()
    assert "listening on 127.0.0.1:8080, ::1:8080, mode enforce" in caplog.text
    assert "keys.groq: no hosts" in caplog.text and "openai" in rig.state.snapshot.secrets
    assert "keys.openai: held" not in caplog.text, "its holder has told already"

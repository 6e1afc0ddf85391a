from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mitmproxy.proxy.layers as layers
import mitmproxy.proxy.layers.http as http_layers
import mitmproxy.proxy.layers.tcp as tcp_layers
import mitmproxy.proxy.layers.websocket as ws_layers
import pytest
from mitmproxy import http
from mitmproxy.proxy import mode_servers
from mitmproxy.proxy.layers import modes as mode_layers

from harness.rig import Rig


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Build a rig under the test policy with some sections replaced: ``make_rig(mode="observe")``."""
    made: list[Rig] = []

    def make(**sections: Any) -> Rig:
        directory = tmp_path / f"rig-{len(made)}"
        directory.mkdir()
        made.append(Rig(directory, **sections))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """A rig under the test policy as it stands."""
    return make_rig()


REPLACED: list[tuple[Any, str]] = [
    (layers, "TCPLayer"),
    (tcp_layers, "TCPLayer"),
    (ws_layers, "WebsocketLayer"),
    (http_layers, "HttpStream"),
    (http_layers, "Http1Server"),
    (mode_servers, "ProxyConnectionHandler"),
    (mode_layers, "Socks5Proxy"),
    (http.MessageData, "__post_init__"),
]


@pytest.fixture
def put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``install`` functions replace in mitmproxy is put back when the test is over."""
    for holder, name in REPLACED:
        monkeypatch.setattr(holder, name, getattr(holder, name))

"""The machines of these tests, made once for the module and taken away after it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.transparent.machines import CROOK, HONEST, HONEST6, Site, taking, up, weirs, wire
from harness.doubles import Doubles
from harness.netspaces import Space, forward
from weir.demo.tlsfiles import Authority


@pytest.fixture(scope="module")
def shared_site(shared_doubles: Doubles) -> Iterator[Site]:
    run = Path(os.environ["WEIR_TEST_RUN"])
    with contextlib.ExitStack() as ends:
        public = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="weir-public-")))
        public.chmod(0o755)
        client, gateway, upstream = (ends.enter_context(Space(name)) for name in ("client", "gateway", "upstream"))
        wire(client, gateway, upstream)
        for address in (HONEST, HONEST6):
            ends.enter_context(forward(upstream.listen(address, 443), shared_doubles.tls))
            ends.enter_context(forward(upstream.listen(address, 80), shared_doubles.plain))
        crook: list[bytes] = []
        authority = Authority(Path(tempfile.mkdtemp(prefix="crook-", dir=run / "private")))
        other = authority.context("evil.example", ("http/1.1",))
        ends.enter_context(taking(upstream.listen(CROOK, 443), other, crook))
        ends.enter_context(taking(upstream.listen(CROOK, 80), None, crook))
        folder = Path(tempfile.mkdtemp(prefix="e2e-transparent-", dir=run / "artefacts"))
        pair, key = ends.enter_context(weirs(folder, gateway, shared_doubles, authority.ca_path))
        for name, file in (("weir", pair[0].ca), ("world", shared_doubles.ca), ("crook", authority.ca_path)):
            (public / f"{name}.pem").write_bytes(file.read_bytes())
            (public / f"{name}.pem").chmod(0o644)
        site = Site(client, gateway, upstream, shared_doubles, pair, key, public, crook)
        up(site)
        yield site


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The machines as they are, with nothing recorded yet."""
    shared_site.begin()
    return shared_site

"""Inside mitmdump: the chain is made once, in its order, with weir's own TLS and layers, or nothing is served."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mitmproxy.proxy.layers.http as http_layers
import pytest
from mitmproxy.addons import errorcheck, next_layer, proxyserver, tlsconfig

from harness.rig import Rig, mitmproxy
from weir.edge.process.stock import Built, Stock
from weir.edge.wire.failover import FailoverStream


class Child:
    def __init__(self, name: str) -> None:
        self.name = name


class Builder:
    """Makes a chain of two addons, or fails as it is told."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.asked = rig, []  # type: ignore[var-annotated]
        self.error: Exception | None = None
        self.children = [Child("first"), Child("second")]

    def __call__(self, policy: Path, data: Path, upstream_cas: Sequence[Path]) -> Built:
        self.asked.append((policy, data))
        self.trusted = list(upstream_cas)
        if self.error:
            raise self.error
        return Built(self.rig.state, self.children)


@pytest.fixture
def mitmdump(put_back: None) -> Iterator[Any]:
    with mitmproxy(proxyserver.Proxyserver(), next_layer.NextLayer(), tlsconfig.TlsConfig()) as tctx:
        tctx.options.update(ssl_verify_upstream_trusted_ca=None)
        yield tctx


@pytest.fixture
def builder(rig: Rig) -> Builder:
    return Builder(rig)


def test_the_chain_is_made_from_the_options(mitmdump: Any, builder: Builder, tmp_path: Path) -> None:
    stock = Stock(builder, "observe.yaml")
    mitmdump.master.addons.add(stock)
    mitmdump.configure(stock, weir_policy="enforce.yaml", weir_data=str(tmp_path))
    assert builder.asked == [(Path("enforce.yaml"), tmp_path)] and builder.trusted == []
    assert stock.addons == builder.children
    assert mitmdump.master.addons.get("first") is builder.children[0]
    assert builder.rig.ledger.started
    assert mitmdump.options.connection_strategy == "lazy"
    assert mitmdump.options.ssl_verify_upstream_trusted_ca == str(builder.rig.state.upstream_bundle)
    assert http_layers.HttpStream is FailoverStream
    get_cert = mitmdump.master.addons.get("tlsconfig").get_cert
    assert get_cert.__self__.state is builder.rig.state
    choose = mitmdump.master.addons.get("nextlayer")._next_layer
    assert choose.__self__.must_decrypt("api.openai.com") and not choose.__self__.must_decrypt("shop.example")


def test_it_is_made_once(mitmdump: Any, builder: Builder, tmp_path: Path) -> None:
    stock = Stock(builder, "observe.yaml")
    mitmdump.master.addons.add(stock)
    mitmdump.configure(stock, weir_data=str(tmp_path))
    mitmdump.configure(stock, weir_policy="other.yaml")
    stock.configure({"listen_port"})
    assert builder.asked == [(Path("observe.yaml"), tmp_path)]


def test_other_options_do_not_start_it(mitmdump: Any, builder: Builder) -> None:
    stock = Stock(builder, "observe.yaml")
    mitmdump.master.addons.add(stock)
    stock.configure({"listen_port"})
    assert builder.asked == []


def test_an_upstream_ca_given_to_mitmdump_is_trusted_too(mitmdump: Any, builder: Builder, tmp_path: Path) -> None:
    stock = Stock(builder, "observe.yaml")
    mitmdump.master.addons.add(stock)
    mitmdump.options.update(ssl_verify_upstream_trusted_ca=str(tmp_path / "ca.pem"))
    mitmdump.configure(stock, weir_policy="enforce.yaml")
    assert builder.trusted == [tmp_path / "ca.pem"]
    assert mitmdump.options.ssl_verify_upstream_trusted_ca == str(builder.rig.state.upstream_bundle)


@pytest.mark.parametrize(("who", "counts"), [("weir.chain", False), ("mitmproxy.addons.proxyserver", True)])
def test_a_request_that_fails_early_ends_no_start(mitmdump: Any, builder: Builder, who: str, counts: bool) -> None:
    check = errorcheck.ErrorCheck()
    mitmdump.master.addons.add(check)
    mitmdump.master.addons.add(Stock(builder, "observe.yaml"))
    try:
        logging.getLogger(who).error("said on purpose")
        assert bool(check.logger.has_errored) == counts
    finally:
        check.finish()


def test_what_cannot_be_used_stops_mitmdump(
    mitmdump: Any, builder: Builder, capsys: pytest.CaptureFixture[str]
) -> None:
    builder.error = ValueError("policy.yaml:3: write block")
    stock = Stock(builder, "observe.yaml")
    mitmdump.master.addons.add(stock)
    with pytest.raises(SystemExit):  # an OptionsError would let it listen, without the chain, until it ends
        mitmdump.configure(stock, weir_policy="policy.yaml")
    assert capsys.readouterr().err == "weir: policy.yaml:3: write block\n"
    assert not stock.addons and not builder.rig.ledger.started

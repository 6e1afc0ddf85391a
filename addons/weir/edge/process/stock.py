"""The chain inside stock mitmproxy: what `WeirMaster` does, where mitmdump is the Master."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from weir.edge.content.writing import UNSTARTED, why_not
from weir.edge.content.writing import start as start_texts
from weir.edge.process.proxy import WeirNextLayer, spare_own
from weir.edge.state import State
from weir.edge.websockets import websocket
from weir.edge.wire import failover, meter, socks, stream
from weir.edge.wire.tlsconfig import WeirTlsConfig

__all__ = ["Built", "Stock"]

log = logging.getLogger("weir")


@dataclass(frozen=True, slots=True)
class Built:
    """A chain made ready: its state, and its addons in their order."""

    state: State
    addons: Sequence[object]


class Stock:
    """Builds the chain when mitmdump starts; one object, so that its addons keep their order."""

    name = "weir"

    def __init__(self, build: Callable[[Path, Path, Sequence[Path]], Built], default_policy: str) -> None:
        """`build(policy, data, upstream_cas)` makes the chain or raises ValueError with a sentence for the operator."""
        self.build = build
        self.default_policy = default_policy
        self.addons: Sequence[object] = ()

    def load(self, loader: Loader) -> None:
        """Declare the two options, and replace the layers before the first connection."""
        loader.add_option("weir_policy", str, self.default_policy, "Policy file.")
        loader.add_option("weir_data", str, "data", "Directory for CA, keys, spool and audit.")
        stream.install()
        failover.install()
        meter.install()
        websocket.install()
        socks.install()
        if check := ctx.master.addons.get("errorcheck"):
            spare_own(check)  # a request that fails while mitmdump is starting is refused, and no reason to end

    def configure(self, updated: set[str]) -> None:
        """Build once both options stand. A policy that can't be used stops mitmdump: nothing is served without one."""
        if self.addons or not {"weir_policy", "weir_data"} & updated:
            return
        try:
            given = ctx.options.ssl_verify_upstream_trusted_ca
            built = self.build(
                Path(ctx.options.weir_policy), Path(ctx.options.weir_data), [Path(given)] if given else []
            )
        except ValueError as error:
            print(f"weir: {error}", file=sys.stderr)  # noqa: T201  mitmproxy's log is not written any more
            # Not OptionsError: mitmdump would listen for a moment, without the chain, before it ends.
            raise SystemExit(1) from None
        state = built.state
        ctx.options.update(connection_strategy="lazy", ssl_verify_upstream_trusted_ca=str(state.upstream_bundle))
        own_tls = WeirTlsConfig(state)
        stock_tls = ctx.master.addons.get("tlsconfig")
        stock_tls.get_cert = own_tls.get_cert
        stock_tls.tls_start_client = own_tls.tls_start_client
        stock_tls.tls_start_server = own_tls.tls_start_server
        watch = WeirNextLayer(lambda host: state.snapshot.interception.decide("", host, "").intercept)
        watch.configure({"tcp_hosts", "udp_hosts", "allow_hosts"})  # type: ignore[no-untyped-call]
        ctx.master.addons.get("nextlayer")._next_layer = watch._next_layer
        self.addons = built.addons
        state.spool.start()
        try:
            start_texts(state)
        except UNSTARTED as error:
            print(f"weir: the texts that audit.content wants kept cannot be: {why_not(error)}", file=sys.stderr)  # noqa: T201
            raise SystemExit(1) from None
        for addon in self.addons:
            ctx.master.addons.register(addon)

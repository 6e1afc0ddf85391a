"""The chain for `mitmdump -s addons/main.py`: the options, and what `WeirMaster` does where mitmdump is the Master."""

from __future__ import annotations

import logging
from pathlib import Path

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from weir import chain, settings
from weir.datadir import DataDir
from weir.edge import meter, stream
from weir.edge.ingester import Ingester
from weir.edge.proxy import WeirNextLayer
from weir.edge.reload import Reload
from weir.places import policy_path
from weir.tls.addon import WeirTlsConfig

__all__ = ["Stock", "addons"]

log = logging.getLogger("weir")


class Stock:
    """Builds the chain when mitmdump starts; one object, so that its addons keep their order."""

    name = "weir"

    def __init__(self) -> None:
        self.addons: list[object] = []

    def load(self, loader: Loader) -> None:
        """Declare the two options, and replace the layers before the first connection."""
        loader.add_option("weir_policy", str, str(policy_path("observe")), "Policy file.")
        loader.add_option("weir_data", str, "data", "Directory for CA, keys, spool and audit.")
        stream.install()
        meter.install()

    def configure(self, updated: set[str]) -> None:
        """Build once both options stand. A policy that can't be used stops mitmdump: nothing is served without one."""
        if self.addons or not {"weir_policy", "weir_data"} & updated:
            return
        policy = Path(ctx.options.weir_policy)
        try:
            data = DataDir(Path(ctx.options.weir_data))
            state = chain.build_state(settings.load(policy), data)
        except (ValueError, OSError) as error:
            raise exceptions.OptionsError(f"weir: {error}") from None
        ctx.options.update(connection_strategy="lazy", ssl_verify_upstream_trusted_ca=str(state.upstream_bundle))
        own_tls = WeirTlsConfig(state)
        stock_tls = ctx.master.addons.get("tlsconfig")
        stock_tls.get_cert = own_tls.get_cert
        stock_tls.tls_start_server = own_tls.tls_start_server
        watch = WeirNextLayer(lambda host: state.snapshot.interception.decide("", host, "").intercept)
        watch.configure({"tcp_hosts", "udp_hosts", "allow_hosts"})
        ctx.master.addons.get("nextlayer")._next_layer = watch._next_layer
        first, rest = chain.chain(state, {})
        reload = Reload(state, policy, lambda: chain.build_snapshot(settings.load(policy), data))
        self.addons = [*first, *rest, reload, Ingester(data.path)]
        state.spool.start()
        for addon in self.addons:
            ctx.master.addons.register(addon)


addons = [Stock()]

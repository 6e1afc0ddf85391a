"""The Master: mitmproxy with only what a proxy needs, which is about twice as fast as mitmdump and less to attack."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

from mitmproxy import master, optmanager
from mitmproxy.addons import core, disable_h2c, errorcheck, next_layer, proxyserver
from mitmproxy.options import Options
from mitmproxy.proxy import context, layer, layers

from weir.edge.guard import guarded
from weir.edge.hooks import TableAddonManager
from weir.edge.process.said import SafeFormatter, quiet_logging
from weir.edge.trace import link_of
from weir.edge.websockets import websocket
from weir.edge.wire import failover, handler, meter, socks, stream, tunnels
from weir.edge.wire.quick import install as quicken

__all__ = [
    "PlainOptions",
    "SafeFormatter",
    "StartErrors",
    "WeirMaster",
    "WeirNextLayer",
    "options_for",
    "quiet_logging",
    "spare_own",
]

_PLAIN = (bool, int, float, str, type(None))
_TLS_RECORD_HEAD = 5  # bytes needed to tell a ClientHello from anything else
_TOO_SHORT = re.compile(rb"[\x14-\x18]\x03?|[A-Za-z]{1,15}")  # to say that it is no ClientHello, or no request
# Servers take a ClientHello in a record of a version that there is none of, and some one after an alert.
_DISGUISED = re.compile(rb"[\x14-\x18]\x03")
_ODD_TLS = "TLS that begins as no client's does"


class PlainOptions(Options):
    """mitmproxy deep-copies an option each time it is read, several times a request; plain values need none."""

    def __getattr__(self, name: str) -> Any:
        option = self.__dict__.get("_options", {}).get(name)
        if option is None:
            raise AttributeError(f"No such option: {name}")
        value = option.value if option.value is not optmanager.unset else option.default
        return value if isinstance(value, _PLAIN) else copy.deepcopy(value)


class WeirNextLayer(next_layer.NextLayer):
    """As mitmproxy's, but a connection that must be decrypted can't become a raw relay by starting oddly, and none by
    starting slowly: where a client chose an address, what it says first is all that tells which host it is for."""

    name = "nextlayer"

    def __init__(self, must_decrypt: Any) -> None:
        self.must_decrypt = must_decrypt

    @guarded
    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """As mitmproxy's, but a failure closes the connection: without a layer its client would wait for ever."""
        try:
            super().next_layer(nextlayer)
        except BaseException:
            nextlayer.layer = meter.MeteredTCPLayer(nextlayer.context)  # closes, the guard having condemned the link
            link_of(nextlayer.context.client).metered = False
            raise

    def _next_layer(self, ctx: context.Context, data_client: bytes, data_server: bytes) -> layer.Layer | None:
        destination = ctx.server.address[0] if ctx.server.address and ctx.layers else ""
        tcp = bool(destination) and ctx.client.transport_protocol == "tcp"
        # Within TLS the client has named the host, whatever the connection's own end is.
        watched = tcp and (self.must_decrypt(destination) or bool(ctx.client.sni and self.must_decrypt(ctx.client.sni)))
        if watched and 0 < len(data_client) < _TLS_RECORD_HEAD:
            raise next_layer.NeedsMoreData
        if tcp and not data_server and _TOO_SHORT.fullmatch(data_client):
            raise next_layer.NeedsMoreData
        chosen = super()._next_layer(ctx, data_client, data_server)
        if isinstance(chosen, layers.DNSLayer) and ctx.client.transport_protocol == "tcp":
            chosen = meter.MeteredTCPLayer(ctx, ignore=True)  # a tunnel to port 53 would pass uncounted and unrecorded
        disguised = tcp and _DISGUISED.match(data_client)
        if (disguised or (watched and data_client)) and isinstance(chosen, meter.MeteredTCPLayer):
            link = link_of(ctx.client)
            link.refused, link.metered = True, False
            link.failed = _ODD_TLS if disguised else "neither TLS nor HTTP to a host that is decrypted"
        return chosen


class StartErrors(errorcheck.ErrorCheck):
    """Ends the start on what mitmproxy itself logs as an error: it says in no other way that it can't listen. What weir
    logs meanwhile, such as an ingester that ended and is started again, is no reason not to serve."""

    name = "errorcheck"  # by which Master.run finds it

    def __init__(self) -> None:
        super().__init__()
        spare_own(self)


def spare_own(check: errorcheck.ErrorCheck) -> None:
    """Let `check` end no start for what weir itself logs."""
    check.logger.addFilter(lambda record: record.name.partition(".")[0] != "weir")


class WeirMaster(master.Master):
    """Owns the minimal addon set; the chain's addons come around it in the order that `chain` gives."""

    def __init__(
        self, options: Options, first: Sequence[object], tls: object, nextlayer: object, rest: Sequence[object]
    ):
        super().__init__(options)
        self._legacy_log_events.uninstall()
        self.addons = TableAddonManager(self)
        handler.install()
        quicken()
        stream.install()
        failover.install()
        meter.install()
        websocket.install()
        socks.install()
        tunnels.install()
        self.addons.add(
            *first,
            core.Core(),
            proxyserver.Proxyserver(),
            nextlayer,
            tls,
            disable_h2c.DisableH2C(),
            StartErrors(),
            *rest,
        )


def options_for(
    modes: Sequence[str], host: str, port: int, confdir: str, upstream_bundle: str
) -> tuple[Options, dict[str, Any]]:
    """Options for the constructor, and those that exist only once the addons are loaded."""
    options = PlainOptions(
        mode=list(modes),
        listen_host=host,
        listen_port=port,
        confdir=confdir,
        ssl_verify_upstream_trusted_ca=upstream_bundle,
    )
    return options, {"connection_strategy": "lazy", "validate_inbound_headers": True}

"""One sample of every log that is read, all of the same three days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from . import firewalls, proxies, recordings, resolvers, zeek
from .events import Event, Sample, events

__all__ = ["NAMES", "sample"]

WRITERS: dict[str, Callable[[Sequence[Event], Random], Sample]] = {
    "squid": proxies.squid,
    "squid-combined": proxies.squid_combined,
    "zeek-ssl": zeek.zeek_ssl,
    "zeek-dns": zeek.zeek_dns,
    "zeek-http": zeek.zeek_http,
    "zeek-ssl-json": zeek.zeek_ssl_json,
    "zeek-dns-json": zeek.zeek_dns_json,
    "zeek-http-json": zeek.zeek_http_json,
    "panos-traffic": firewalls.panos_traffic,
    "panos-url": firewalls.panos_url,
    "zscaler-json": proxies.zscaler_json,
    "zscaler-csv": proxies.zscaler_csv,
    "zscaler-pairs": proxies.zscaler_pairs,
    "umbrella-dns": resolvers.umbrella_dns,
    "umbrella-proxy": proxies.umbrella_proxy,
    "fortigate": firewalls.fortigate,
    "cloudflare-dns": resolvers.cloudflare_dns,
    "cloudflare-http": proxies.cloudflare_http,
    "cloudflare-network": proxies.cloudflare_network,
    "route53": resolvers.route53,
    "bind": resolvers.bind,
    "dnsmasq": resolvers.dnsmasq,
    "unbound": resolvers.unbound,
    "csv": proxies.anycsv,
    "har": recordings.har,
    "mitm": recordings.mitm,
}
NAMES = tuple(WRITERS)


def sample(name: str, seed: int = 1, many: int = 60) -> Sample:
    """The log called ``name`` of ``many`` events, the same for the same seed."""
    return WRITERS[name](events(seed, many), Random(f"{name} {seed}"))

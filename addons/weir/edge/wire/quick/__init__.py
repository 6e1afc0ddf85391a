"""mitmproxy's inner paths with the same results for less: only what every request passes, and each by itself."""

from weir.edge.wire.quick import bodies, headers, layers, messages, tls

__all__ = ["install"]


def install() -> None:
    """Put all of them in place. Idempotent."""
    for part in (bodies, headers, layers, messages, tls):
        part.install()

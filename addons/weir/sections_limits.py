"""The policy's `limits` and `destinations`: what one client may cost at most, and where weir does not connect to."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from weir.fields import Bytes, Cidr, Int, choices, listed, within
from weir.part import Part

__all__ = ["Destinations", "Limits", "Queues"]

_Choice = Annotated[str, choices("block", "allow")]
_Jobs = Annotated[Int, within(8, 100_000, "jobs")]


class Queues(Part):
    """How many jobs run or wait at most, of each kind of work that leaves the event loop; over it, `on_failure`."""

    parse: _Jobs = 512  # large bodies
    dlp: _Jobs = 256  # long texts
    dlp_small: _Jobs = 512
    usage: _Jobs = 512
    identity: _Jobs = 512  # passwords
    directory: _Jobs = 512
    tokens: _Jobs = 512
    work: _Jobs = 512  # whatever else

    @property
    def by_lane(self) -> dict[str, int]:
        """By the name that metrics have for it."""
        return {name.replace("_", "-"): getattr(self, name) for name in type(self).model_fields}


class Limits(Part):
    """Bounds on one exchange, on one connection and on one client address; what each does is in edge/README.md."""

    # one exchange
    body_bytes_max: Annotated[Bytes, within(64 << 10, 1 << 30, "bytes")] = 32 << 20  # held of a request
    reply_bytes_max: Annotated[Bytes, within(64 << 10, 1 << 30, "bytes")] = 32 << 20  # read of a reply
    peek_bytes_max: Annotated[Bytes, within(1 << 10, 64 << 20, "bytes")] = 1 << 20  # of a request not known to be AI
    expansion_max: Annotated[Int, within(10, 2000, "times")] = 400  # what a byte of a compressed body may become
    head_bytes_max: Annotated[Bytes, within(4 << 10, 4 << 20, "bytes")] = 256 << 10
    head_lines_max: Annotated[Int, within(16, 10_000, "lines")] = 1000
    json_depth_max: Annotated[Int, within(16, 512, "levels")] = 128  # of a request; deeper is not read
    hook_timeout_ms: Annotated[Int, within(100, 120_000, "ms")] = 10_000
    websocket_bytes_max: Annotated[Bytes, within(64 << 10, 1 << 30, "bytes")] | None = None  # of one message; None: as
    # `body_bytes_max` has it for those of the client, and `reply_bytes_max` for those of the server
    # one client; each of several workers counts by itself, as the kernel shares connections out by chance
    connections_max: Annotated[Int, within(16, 1_000_000, "connections")] = 10_000  # of all clients together
    client_connections_max: Annotated[Int, within(1, 1_000_000, "connections")] = 2000  # of one address, or IPv6 /64
    streams_max: Annotated[Int, within(1, 1000, "streams")] = 100  # at once, of one HTTP/2 connection
    unread_bytes_max: Annotated[Bytes, within(64 << 10, 1 << 30, "bytes")] = 4 << 20  # made for it, not taken yet
    # time
    opening_s: Annotated[Int, within(1, 3600, "s")] = 60  # from the connection to its first request
    head_s: Annotated[Int, within(1, 3600, "s")] = 30  # from a request's first byte to the end of its head
    body_s: Annotated[Int, within(1, 3600, "s")] = 30  # after these a request's body has to have come at …
    body_bytes_per_s: Annotated[Int, within(1, 1 << 20, "bytes")] = 256
    reading_s: Annotated[Int, within(1, 3600, "s")] = 120  # without taking a byte of what waits for it
    idle_s: Annotated[Int, within(5, 86_400, "s")] = 600
    # weir itself
    queues: Queues = Queues()
    audit_queue_max: Annotated[Int, within(10, 1_000_000, "records")] = 10_000  # that the disk has not taken yet
    drain_s: Annotated[Int, within(0, 3600, "s")] = 30


class Destinations(Part):
    """Addresses that weir connects to for nobody, decided on what a name resolved to; ``except`` are exceptions.

    ``private``: exchanges with AI services that lead to private, loopback or otherwise unroutable addresses.
    ``metadata``: all traffic to link-local addresses and to those where clouds hand out credentials.
    ``loopback``: all traffic of other machines to the proxy's own.
    ``forged``: TLS to an address (not redirected there) with the name of a host that has other addresses.
    """

    private: _Choice = "block"
    metadata: _Choice = "block"
    loopback: _Choice = "block"
    forged: Annotated[str, choices("decrypt", "block", "allow")] = "decrypt"
    exempt: Annotated[tuple[Cidr, ...], BeforeValidator(listed)] = Field(default=(), alias="except")

"""Runs `weir` in transparent mode without a firewall: ``python redirected.py run --mode transparent …``.

The kernel's redirect takes a network namespace and nftables. All that weir learns from it is the original destination
of a connection, and here that is what ``WEIR_TEST_DESTINATION`` (ADDRESS:PORT) says; everything else is as it is.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder: it has a module called weir


def _destination(_: socket.socket) -> tuple[str, int]:
    address, _, port = os.environ["WEIR_TEST_DESTINATION"].rpartition(":")
    return address, int(port)


def main() -> None:
    """Give mitmproxy the destination, then run the command line."""
    from mitmproxy import platform

    platform.original_addr = _destination
    from weir import cli

    cli.main()


if __name__ == "__main__":
    main()

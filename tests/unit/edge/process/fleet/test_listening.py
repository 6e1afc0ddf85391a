"""Sockets for several workers at one port: the kernel spreads, and what waits outlives who was to accept it."""

from __future__ import annotations

import socket

import pytest

from weir.edge.process.fleet.listening import bind, places_of


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        (["regular"], [("127.0.0.1", 8080)]),
        (["transparent", "socks5@1080"], [("127.0.0.1", 8080), ("127.0.0.1", 1080)]),
        (["upstream:http://proxy.example:3128", "regular@::1:9"], [("127.0.0.1", 8080), ("::1", 9)]),
    ],
)
def test_places_are_those_of_the_modes(modes: list[str], expected: list[tuple[str, int]]) -> None:
    assert places_of(modes, "127.0.0.1", 8080) == expected


@pytest.mark.parametrize("mode", ["wireguard", "local", "dns", "reverse:https://api.example", "no-mode"])
def test_what_several_processes_cannot_share_is_refused(mode: str) -> None:
    with pytest.raises(ValueError, match=r"one process alone|unknown mode"):
        places_of([mode], "", 8080)


def test_all_slots_have_one_port_and_what_waits_in_a_queue_is_not_lost() -> None:
    bound = bind([("127.0.0.1", 0)], 3)
    try:
        addresses = {one.socket.getsockname() for one in bound}
        assert len(addresses) == 1 and [one.slot for one in bound] == [1, 2, 3]
        clients = [socket.create_connection(addresses.copy().pop(), 5) for _ in range(30)]
        worker = [one.socket.dup() for one in bound]  # as a worker has them; it dies without accepting anything
        for one in worker:
            one.close()
        accepted = []
        for one in bound:
            while True:
                try:
                    accepted.append(one.socket.accept()[0])
                except BlockingIOError:
                    break
        assert len(accepted) == len(clients)
        for client, server in zip(clients, accepted, strict=True):
            client.close()
            server.close()
        with pytest.raises(OSError), socket.socket() as other:
            other.bind(addresses.pop())  # nobody who does not share it gets the port
    finally:
        for one in bound:
            one.socket.close()


def test_an_empty_host_is_both_families_at_one_port() -> None:
    bound = bind([("", 0)], 2)
    try:
        assert {one.socket.family for one in bound} <= {socket.AF_INET, socket.AF_INET6}
        assert len({one.socket.getsockname()[1] for one in bound}) == 1 and len(bound) in (2, 4)
    finally:
        for one in bound:
            one.socket.close()


def test_a_port_in_use_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        bind([("127.0.0.1", 0), ("127.0.0.1", taken.getsockname()[1])], 2)

"""Sockets at addresses and in directories, however long the names of those are."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from weir.edge.health.place import ask, is_local, tcp, tell, told, unix
from weir.edge.health.server import Asked, Reply, Server


def test_an_address_that_is_taken_is_refused_before_anybody_listens() -> None:
    with tcp("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(OSError):
            tcp("127.0.0.1", port)
        assert is_local(first)
    with tcp("0.0.0.0", 0) as everywhere:
        assert not is_local(everywhere)


def test_a_unix_socket_takes_the_place_of_one_that_was_left_and_is_private(tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 30) / "run"  # an address may have 107 bytes
    folder.mkdir(parents=True)
    path = folder / "health-1.sock"
    unix(path).close()

    async def work() -> list[tuple[int, bytes]]:
        async def answer(asked: Asked) -> Reply:
            return Reply(200, asked.path.encode())

        server = Server(answer)
        await server.start(unix(path))
        try:
            with pytest.raises(ConnectionError):
                await ask(path, "/x" * 100, timeout_s=60.0, bytes_max=100)
            return [await ask(path, "/families", timeout_s=60.0, bytes_max=10_000)]
        finally:
            await server.close()

    assert asyncio.run(work()) == [(200, b"/families")]
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(OSError):
        asyncio.run(ask(path, "/healthz", timeout_s=60.0, bytes_max=100))


def test_who_says_nothing_or_no_http_is_not_waited_for(tmp_path: Path) -> None:
    async def work() -> None:
        def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"+OK\r\n")
            writer.close()

        silent, other = unix(tmp_path / "silent"), unix(tmp_path / "other")
        silent.listen()
        server = await asyncio.start_unix_server(talk, sock=other)
        with pytest.raises(TimeoutError):
            await ask(tmp_path / "silent", "/healthz", timeout_s=0.1, bytes_max=100)
        with pytest.raises(ConnectionError):
            await ask(tmp_path / "other", "/healthz", timeout_s=60.0, bytes_max=100)
        silent.close()
        server.close()

    asyncio.run(work())


def test_an_address_is_told_to_other_commands(tmp_path: Path) -> None:
    assert told(tmp_path) is None
    tell(tmp_path, ("127.0.0.1", 9180))
    assert told(tmp_path) == ("127.0.0.1", 9180)
    assert (tmp_path / "health.json").stat().st_mode & 0o077 == 0
    (tmp_path / "health.json").write_text("[]")
    assert told(tmp_path) is None
    tell(tmp_path, None)
    tell(tmp_path, None)
    assert not (tmp_path / "health.json").exists()

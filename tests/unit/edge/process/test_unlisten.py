"""The end of a listener drops nobody who was accepted."""

from __future__ import annotations

import asyncio
import gc
import socket

import pytest

from weir.edge.process.unlisten import unlisten


async def greeted(how: str) -> list[bytes]:
    """What clients get whose connections are accepted in the very turn in which the listener ends."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hi")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    clients = [socket.create_connection(server.sockets[0].getsockname()) for _ in range(3)]  # they wait in the queue
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    async def end() -> None:
        if how == "gently":
            await unlisten([server, "no server"])
        server.close()
        ended.set()

    tasks: list[asyncio.Task[None]] = []
    accept = loop._accept_connection  # type: ignore[attr-defined]

    def accepting(*arguments: object) -> None:
        tasks.append(asyncio.create_task(end()))  # it runs before those that the accepted get
        accept(*arguments)

    reader = server.sockets[0].fileno()
    handle = loop._selector.get_key(reader).data[0]  # type: ignore[attr-defined]
    loop.add_reader(reader, accepting, *handle._args)
    await ended.wait()
    answers = []
    for client in clients:
        with client:
            client.settimeout(20 if how == "gently" else 0.2)
            try:
                answers.append(await asyncio.to_thread(client.recv, 10))
            except (ConnectionResetError, TimeoutError):  # reset once the collector comes by
                answers.append(b"lost")
    return answers


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # asyncio, of what it dropped
@pytest.mark.parametrize("how", ["at once", "gently"])
def test_who_was_accepted_is_served(how: str) -> None:
    answers = asyncio.run(greeted(how))
    gc.collect()  # here, what it dropped is no surprise; another test would be told of it
    # "at once" shows why this module is there: should asyncio serve them one day, it can go.
    assert (answers == [b"hi"] * 3) is (how == "gently"), answers

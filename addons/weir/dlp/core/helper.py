"""The other side of pool.py: a process that loads the detectors once, and its forks, which scan.

Started as ``python -m weir.dlp.core.helper FD``, where FD is a socket to the process that it helps. The first frame
is the recipe; after that it forks a scanner for every socket it is sent, and ends one when told. All of them end when
the other end of their socket is closed, so nothing outlives weir, however that ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
from typing import NoReturn

from weir.dlp.core.frames import Ended, pack_answer, receive, send, unpack_question
from weir.dlp.core.patterns import Deadline
from weir.dlp.core.recipe import Recipe
from weir.dlp.core.scan import Scanner, derived_key
from weir.lean import uncollected

__all__ = ["END", "FORK", "READY", "UNUSABLE", "main", "serve"]

READY, UNUSABLE = b"ready", b"unusable"
FORK, END = b"fork", b"end "
NICE = 5  # what serves many comes before what serves one


def main(number: int) -> int:
    """Load, tell, and fork until the socket with this file number is closed. Returns the exit code."""
    # A thread's Ctrl-C is for weir, which closes the sockets when it has finished what is running.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # a service that is confined may not
        os.nice(NICE)
    control = socket.socket(fileno=number)
    try:
        recipe = Recipe.parse(receive(control))
        with uncollected():
            made = recipe.make()
    except Ended:
        return 0
    except (ValueError, OSError):
        send(control, UNUSABLE)  # weir has loaded the same and said what is wrong with it
        return 1
    key, slow = derived_key(recipe.fingerprint_key), bool(recipe.nlp)
    with uncollected():
        scanner = Scanner(made.detectors, key=key, findings_max=recipe.findings_max, slow=slow, store=recipe.store())
        scanner.warm()
    gc.collect()
    gc.freeze()  # what all forks share is not touched again
    forked: set[int] = set()
    try:
        send(control, READY)
        _tend(control, scanner, forked)
    except OSError:
        return 1
    finally:
        for child in forked:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return 0


def _tend(control: socket.socket, scanner: Scanner, forked: set[int]) -> None:
    """Fork and end scanners as told, until the socket is closed; ``forked`` holds those not waited for."""
    while True:
        message, files, _flags, _address = socket.recv_fds(control, 64, 1)
        if not message:
            return
        while forked and (gone := os.waitpid(-1, os.WNOHANG)[0]):
            forked.discard(gone)
        if message == FORK:
            child = os.fork()  # there is one thread here
            if not child:
                control.close()
                _scan(socket.socket(fileno=files[0]), scanner)
            os.close(files[0])
            forked.add(child)
            send(control, str(child).encode())
        elif message.startswith(END):
            child = int(message[len(END) :])
            if child in forked:  # not ended yet, or ended and not waited for: the number is still its own
                os.kill(child, signal.SIGKILL)
            send(control, END)


def _scan(connection: socket.socket, scanner: Scanner) -> NoReturn:
    try:
        serve(connection, scanner)
    finally:
        os._exit(0)  # whatever it was that went wrong, it is not printed: it might quote the text


def serve(connection: socket.socket, scanner: Scanner) -> None:
    """Answer questions until the other end is closed, and then raise Ended."""
    while True:
        data, seam, seconds = unpack_question(receive(connection))
        whole = None if seconds is None else Deadline(seconds)
        text = data.decode("utf-8", "surrogatepass")
        send(connection, pack_answer(*scanner.scan(text, data, whole, seam=seam)))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

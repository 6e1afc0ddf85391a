"""Runs `weir` in a world with another clock and other names: ``python worldrun.py run --policy …``.

The clock is shifted by the seconds in the file that ``WEIR_CLOCK`` names, through a library put before libc's own: so
every reader of the wall clock is shifted, in C too, and no reader of the monotonic one. A name that is asked for with
the port ``UNKNOWN`` is known to nobody; with the port ``SLOW`` the name server does not answer.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile long *shift;
__attribute__((constructor)) static void open_it(void) {
    int fd = open(getenv("WEIR_CLOCK"), O_RDONLY | O_CLOEXEC);
    void *at = fd < 0 ? MAP_FAILED : mmap(0, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) shift = at;
    if (fd >= 0) close(fd);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && shift && clock == CLOCK_REALTIME) now->tv_sec += *shift;
    return failed;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    now->tv_sec = at.tv_sec; now->tv_usec = at.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *into) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    if (into) *into = at.tv_sec;
    return at.tv_sec;
}
"""
SLOW_S = 6.0
UNKNOWN, SLOW = 9441, 9442


def made(folder: Path) -> dict[str, str]:
    """Compile the library; the environment in which a process has the other clock, told by ``folder/clock``."""
    (folder / "clock.c").write_text(CLOCK)
    (folder / "clock").write_bytes(bytes(8))
    library = folder / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(folder / "clock.c")], check=True)
    return {"LD_PRELOAD": str(library), "WEIR_CLOCK": str(folder / "clock")}


def _names(ask: Any) -> Any:
    def getaddrinfo(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        if port == UNKNOWN:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if port == SLOW:
            time.sleep(SLOW_S)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return ask(host, port, *arguments, **named)

    return getaddrinfo


def main() -> None:
    """Change the names, then be `weir`."""
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder: it has a module called weir
    socket.getaddrinfo = _names(socket.getaddrinfo)
    from weir import cli
    from weir.edge.bounds import destinations

    destinations.LOOKUP_S = float(os.environ.get("WEIR_LOOKUP_S", destinations.LOOKUP_S))
    cli.main()


if __name__ == "__main__":
    main()

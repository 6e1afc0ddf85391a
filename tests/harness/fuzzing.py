"""What must hold for any bytes at all: every dialect reads them, or says why not, and never raises anything else.

``exercise`` is one try; ``scripts/fuzz`` makes up bytes for it, by coverage where atheris is installed, and the tests
go through what that has found before.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["dialect_ids", "exercise", "main", "seeds"]

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
KEPT = GOLDEN / "fuzz"  # inputs that once broke something: DIALECT-what.bin
TYPES = (
    "text/event-stream", "application/json", "", "text/plain", "application/x-ndjson",
    "application/vnd.amazon.eventstream", "application/connect+proto", "application/proto",
    "application/grpc-web-text", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "audio/mpeg",
)  # fmt: skip
SOCKETS = ("frames", "copilot_frames", "signalr_frames", "gemini_frames")
_INNER = (b"arguments", b"partial_json")  # JSON within JSON
SECONDS_MAX = 5.0  # of a processor for one input of a few kilobytes: anything above is a hang in the making


@cache
def registry() -> Any:
    """The dialects as they run; loaded late, since atheris has to be there first."""
    from weir.providers.services.registry import Registry

    return Registry.load()


def dialect_ids() -> tuple[str, ...]:
    """All there are, those of sockets too."""
    return (*sorted(registry()._dialects), *SOCKETS)


def exercise(dialect_id: str, data: bytes) -> None:
    """Read ``data`` as a request, a reply or messages of a socket; its first byte says which, and as what type.

    Raises AssertionError, or whatever escaped, when something does not hold.
    """
    if not data:
        return
    choice, data = data[0], data[1:]
    started = time.thread_time()
    if dialect_id in SOCKETS:
        _socket(dialect_id, data, is_text=bool(choice & 1))
    elif choice & 1:
        _reply(dialect_id, TYPES[(choice >> 2) % len(TYPES)], data, stream=bool(choice & 2))
    else:
        _request(dialect_id, TYPES[(choice >> 2) % len(TYPES)], data)
    assert time.thread_time() - started < SECONDS_MAX, "too slow"


def _endpoint(dialect_id: str) -> Any:
    from weir.model import Endpoint

    return Endpoint("fuzz", dialect_id, "chat")


def _request(dialect_id: str, kind: str, body: bytes) -> None:
    from weir.model import Exchange, Unparsed
    from weir.providers.services.content import by_content

    headers = [("content-type", kind), ("mcp-param-a", body[:20].decode("latin-1"))]
    by_content(_endpoint(""), "POST", headers, body)
    dialect = registry().dialect(dialect_id).bound(headers)
    with contextlib.suppress(Unparsed):
        dialect.ask_usage(body)
    with contextlib.suppress(Unparsed):
        dialect.replace(body, {"/a": "b", "/0/b": "c"})
    try:
        exchange = dialect.parse(body, _endpoint(dialect_id))
    except Unparsed as error:
        assert len(str(error)) < 200, "a reason is no content"
        return
    assert isinstance(exchange, Exchange)
    texts = {s.pointer: s.text for s in exchange.segments if s.pointer[:1] == "/" and not s.pointer.endswith("#key")}
    for segment in exchange.segments:
        segment.text.encode()
        segment.pointer.encode()
    assert len(texts) == sum(s.pointer in texts for s in exchange.segments), "two texts at one place"
    assert dialect.replace(body, texts) == body, "what is set to what it was changes nothing"


def _reply(dialect_id: str, kind: str, data: bytes, *, stream: bool) -> None:
    from golden.swap import VALUE, WORD, Swap
    from weir.model import Exchange

    def run(size: int, text: Swap | None) -> tuple[bytes, Any]:
        dialect = registry().dialect(dialect_id)
        reader = dialect.reader(Exchange(_endpoint(dialect_id), "m", stream), kind, text)
        out = b"".join(reader.feed(data[at : at + size]) for at in range(0, len(data), size)) + reader.close()
        assert reader.close() == b""
        return out, reader.reply()

    whole, reply = run(1 << 20, None)
    bytewise, same = run(1, None)
    assert whole == bytewise == data, "listening changes nothing"
    assert reply == same, "chunks don't matter"
    if not any(name in data for name in _INNER):  # a number in them may go on, and waits for the next event
        assert run(1 << 20, Swap({}))[0] == data, "a map that changes nothing leaves every byte"
    assert run(1 << 20, Swap({WORD: VALUE}))[0] == run(3, Swap({WORD: VALUE}))[0], "chunks don't matter to edits"


def _socket(dialect_id: str, data: bytes, *, is_text: bool) -> None:
    from golden.swap import VALUE, WORD, Swap
    from weir.model import Endpoint, Exchange, Unparsed
    from weir.providers.replies.frames import read_frame
    from weir.providers.replies.frames_gemini import frames_of

    path = {
        "copilot_frames": "/c/api/chat",
        "signalr_frames": "/m365Copilot/Chathub/{user}",
        "gemini_frames": "/ws/x.BidiGenerateContent",
    }.get(dialect_id, "")
    endpoint = Endpoint("fuzz", "", "chat", path)
    dialect = frames_of(endpoint)
    assert dialect.id == dialect_id
    listens, edits = (dialect.frame_reader(Exchange(endpoint, "", True), text) for text in (None, Swap({WORD: VALUE})))
    for number, message in enumerate(data.split(b"\x00"), 1):
        exchange = read_frame(dialect, message, endpoint, number, is_text=is_text)
        texts = {s.pointer: s.text for s in exchange.segments if s.pointer[:1] == "/" and s.pointer[-4:] != "#key"}
        with contextlib.suppress(Unparsed):
            assert dialect.replace(message, texts) == message
        assert listens.message(message) == (message,)
        edits.message(message)
    listens.rest()
    edits.rest()
    listens.reply()


# ── making bytes up


def seeds(dialect_id: str) -> list[bytes]:
    """Requests and replies of the golden files that are of this dialect, and what has been found before."""
    found: list[bytes] = []
    for path in sorted(GOLDEN.glob("providers/*.json")) + sorted(GOLDEN.glob("web/*.json")):
        case = json.loads(path.read_text())
        if "messages" in case and dialect_id in SOCKETS:
            found += [b"\x01" + message.encode() for _, message in case["messages"]]
        elif case.get("exchange", {}).get("dialect") == dialect_id:
            found.append(b"\x04" + json.dumps(case.get("request", case.get("body", ""))).encode())
            found += [bytes((kind,)) + case.get("reply", "").encode() for kind in (0x03, 0x05, 0x13)]
    found += [path.read_bytes() for path in sorted(KEPT.glob(f"{dialect_id}-*.bin"))]
    return found or [b"\x04{}", b"\x03data: {}\n\n"]


_PIECES = (
    b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b"\r\n", b"\n\n", b"data: ", b"event: x\n", b"null",
    b"1e999", b"-0.0000000000000000001", b"\\ud800", b"\xff", b"\xef\xbb\xbf", b"\x1e", b"\x1f\x8b\x08", b'"v":',
    b'"p":', b'"o":', b'"jsonrpc":"2.0"', b"f.req=", b"%5B", b"&", b"=", b"\x00\x00\x00\x05", b"true", b'"text":',
    b'"content":', b"[[", b"<EMAIL_ADDRESS_1>", b"<EMA",
)  # fmt: skip


def mutated(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """``data`` with a few things done to it."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(made) + 1)
        match chance.randrange(6):
            case 0:
                made[at:at] = chance.choice(_PIECES)
            case 1:
                del made[at : at + chance.randint(1, 30)]
            case 2 if at < len(made):
                made[at] = chance.randrange(256)
            case 3:
                made[at:at] = made[at : at + chance.randint(1, 60)]
            case 4:
                other = chance.choice(others)
                cut = chance.randrange(len(other) + 1)
                made[at : at + chance.randint(0, 40)] = other[cut : cut + chance.randint(1, 80)]
            case _:
                made[at : at + 2] = chance.choice(_PIECES)
    return bytes(made[:8192])


def plain(dialect_id: str, seconds: float, seed: int) -> int:
    """Mutate seeds at random for so long; how many tries that were. Raises what was found, and keeps the input."""
    chance, known = random.Random(seed), seeds(dialect_id)
    until, tries = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        data = mutated(chance.choice(known), known, chance)
        tries += 1
        try:
            exercise(dialect_id, data)
        except BaseException:
            _keep(dialect_id, data)
            raise
    return tries


def _keep(dialect_id: str, data: bytes) -> None:
    place = Path(tempfile.gettempdir()) / f"weir-fuzz-{dialect_id}.bin"
    place.write_bytes(data)
    sys.stderr.write(f"fuzz: {dialect_id}: the input is kept as {place}\n")


def by_coverage(dialect_id: str, seconds: float) -> None:
    """Let atheris make bytes up; it ends this process when the time is over, or something was found."""
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=["weir.providers"]):
        registry()
    if dialect_id not in dialect_ids():
        raise SystemExit(f"fuzz: {dialect_id} is none of {', '.join(dialect_ids())}")

    def one(data: bytes) -> None:
        try:
            exercise(dialect_id, data)
        except BaseException:
            _keep(dialect_id, data)
            raise

    folder = Path(tempfile.mkdtemp(prefix="weir-fuzz-"))
    for number, data in enumerate(seeds(dialect_id)):
        (folder / str(number)).write_bytes(data)
    options = [
        f"-max_total_time={int(seconds)}",
        "-max_len=4096",
        "-timeout=20",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(folder)], one)
    atheris.Fuzz()


def main(arguments: Sequence[str]) -> int:
    """``[DIALECT] [--seconds N] [--seed N] [--plain]``: every dialect in turn, or one."""
    import argparse
    import importlib.util

    parser = argparse.ArgumentParser(prog="scripts/fuzz")
    parser.add_argument("dialect", nargs="?", metavar="DIALECT")
    parser.add_argument("--seconds", type=float, default=60, help="for one dialect, or for all of them together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="without atheris, though it is installed")
    wanted = parser.parse_args(arguments)
    guided = importlib.util.find_spec("atheris") is not None and not wanted.plain
    if guided and wanted.dialect:
        by_coverage(wanted.dialect, wanted.seconds)
    names = [wanted.dialect] if wanted.dialect else list(dialect_ids())
    if not set(names) <= set(dialect_ids()):
        parser.error(f"no such dialect; there are {', '.join(dialect_ids())}")
    broken = 0
    for name in names:
        share = wanted.seconds / len(names)
        if guided:
            import subprocess

            command = [sys.executable, "-m", "harness.fuzzing", name, "--seconds", str(max(1, round(share)))]
            done = subprocess.run(command, capture_output=True, text=True)
            said = next((s for s in done.stderr.splitlines() if "number_of_executed_units" in s), "")
            what = "broken" if done.returncode else f"{said.rpartition(' ')[2]} tries, nothing found"
            broken += done.returncode != 0
            sys.stderr.write(done.stderr if done.returncode else "")
        else:
            try:
                what = f"{plain(name, share, wanted.seed)} tries, nothing found"
            except Exception:  # noqa: BLE001 - told, and the next one is tried
                import traceback

                traceback.print_exc()
                what, broken = "broken", broken + 1
        sys.stdout.write(f"{name}: {what}\n")
        sys.stdout.flush()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Files that nobody would call a log, and logs that somebody spoiled."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import cache
from random import Random

import zstandard

from .samples import sample

__all__ = ["CASES", "ESCAPE", "spoiled"]

ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m"


@cache
def _squid(lines: int = 50) -> bytes:
    return sample("squid", many=lines).content


def _made() -> Iterator[tuple[str, bytes]]:
    rng = Random(4)
    line = "1794830000.001 5 10.0.0.9 TCP_TUNNEL/200 10 CONNECT {0}:443 {1} HIER_DIRECT/1.2.3.4 -\n"
    forti = sample("fortigate", many=20).content
    yield "empty", b""
    yield "blank", b"\n \n\t\r\n" * 100
    yield "nul", b"\0" * 300_000
    yield "junk", rng.randbytes(300_000)
    yield "junk-after-log", _squid() + rng.randbytes(100_000)
    yield "long-line", b"a" * (2 << 20)
    yield "long-line-in-log", _squid() + b"b" * (1 << 20) + b"\n" + _squid()
    yield "long-quote", sample("zscaler-csv", many=30).content + b'"' + b"x," * 600_000
    yield "open-quotes", b'"' * 200_000 + b"\n" + sample("umbrella-dns", many=30).content
    yield "header-only", b"#separator \\x09\n#path\tssl\n#fields\tts\tuid\n#types\ttime\tstring\n"
    yield "csv-header-only", b"time,user,host,bytes\n"
    yield "many-columns", b",".join(b"host%d" % number for number in range(100_000)) + b"\n" + b"1," * 99_999 + b"1\n"
    yield "same-headers", b"host,host,host,time,time\n" + b"chatgpt.com,a.example,b.example,1,2\n" * 20
    yield "mixed", b"".join(sample(name, many=9).content for name in ("squid", "fortigate", "zscaler-json", "bind"))
    yield "utf-16", "\ufeff".encode("utf-16-le") + _squid().decode().encode("utf-16-le")
    yield "latin-1", _squid().decode().encode("latin-1", "replace")
    yield "half-utf-8", _squid().replace("zoë".encode(), b"zo\xc3")
    yield "nuls-inside", _squid().replace(b"e", b"e\0")
    yield "escapes", (line.format("claude.ai", f"eve{ESCAPE}") * 20).encode()
    yield "escapes-latin", (line.format("claude.ai", "eve\x9b31m") * 20).encode("latin-1")
    yield "escapes-in-host", (line.format(f"a{ESCAPE}.example", "eve") * 20).encode()
    yield "escapes-in-json", sample("cloudflare-dns", many=9).content.replace(b"alice", b"al\\u001b[31mice\\u009b")
    yield "huge-numbers", _squid().replace(b" 10.", b" 9" + b"9" * 400 + b" 10.") + _numbers(line)
    yield (
        "times",
        b"".join(
            line.format("claude.ai", "eve").replace("1794830000.001", at).encode()
            for at in ("0.000", "-62167219200.0", "253402300799.9", "999999999.0", "9" * 30, "nan", "1e308") * 5
        ),
    )
    years = ("0000", "9999", "-001", "1969")
    yield "years", b"".join(forti.replace(b"date=2026", b"date=" + year.encode()) for year in years)
    yield "gzip-cut", gzip.compress(_squid(2000))[:-2000]
    yield "gzip-damaged", _hurt(gzip.compress(_squid(2000)))
    yield "zstd-cut", zstandard.compress(_squid(2000))[:-900]
    yield "zstd-damaged", _hurt(zstandard.compress(_squid(2000)))
    yield "gzip-magic", b"\x1f\x8b\x08"
    yield "deep-json", b'{"a":' * 100_000
    yield "deep-har", b'{"log":{"creator":{},"entries":[' + b'{"a":' * 100_000
    yield "har-cut", sample("har", many=30).content[:-4000]
    yield "har-odd", b'{"log":{"creator":{},"entries":[1,"{",[{}],{},{"request":7},{"request":{"url":{}}},null]}}'
    yield "har-string", b'{"log":{"creator":{},"entries":[{"a":"' + b"\\" * 300_001
    yield "mitm-cut", sample("mitm", many=30).content[:-500]
    yield "mitm-length", b"999999999999:9:websocket;0:~"
    yield "mitm-lies", b"64:7:request;40:7:request;99:7:request;40:7:request;99:7:request;x}" * 50
    yield "mitm-digits", b"12:7:version;" + b"1" * 100_000
    yield "json-lines", b'[1]\n"x"\nnull\n{}\n{"query_name":{}}\n' * 100


def _numbers(line: str) -> bytes:
    return "".join(
        line.format("claude.ai", "eve").replace(" 10 CONNECT", f" {many} CONNECT")
        for many in ("-5", "9" * 18, "9" * 19, "9" * 40, "1e5", "0x10", "٣", "+7")
    ).encode()


def _hurt(packed: bytes) -> bytes:
    middle = len(packed) // 2
    return packed[:middle] + bytes(255 - byte for byte in packed[middle : middle + 40]) + packed[middle + 40 :]


CASES: dict[str, bytes] = dict(_made())


def spoiled(content: bytes, rng: Random) -> bytes:
    """``content`` with some bytes changed, taken out, doubled, or cut off."""
    data = bytearray(content)
    for _ in range(rng.randrange(1, 12)):
        at = rng.randrange(len(data) + 1)
        size = rng.choice((1, 1, 2, 7, 300))
        match rng.randrange(5):
            case 0:
                data[at : at + size] = rng.randbytes(size)
            case 1:
                del data[at : at + size]
            case 2:
                data[at:at] = data[at : at + size]
            case 3:
                data[at:at] = rng.choice(
                    (b'"', b"\n", b",", b"\\", b"{", b"\0", b"\xff", b"\r", b"\t", b"9" * 40, b"'")
                )
            case _:
                if len(data) > 500:
                    del data[max(400, at) :]
    return bytes(data)

"""What no rule changes is what was sent: bytes, headers, framing, and the time at which each chunk leaves."""

from __future__ import annotations

import gzip

import pytest

from e2e.raw import Reply, open_line, post
from e2e.support import ADDRESS, House, chat_body
from harness.doubles import Received
from harness.processes import until
from harness.tunnel import tunnel

HOST = "api.openai.com"
PATH = "/v1/chat/completions"
URL = f"https://{HOST}{PATH}"
GEMINI = "generativelanguage.googleapis.com"


def asking(content: str, more: str = "") -> bytes:
    """A request with ``content`` spelled exactly so."""
    return f'{{"model":"gpt-5-mini",{more}"messages":[{{"role":"user","content":{content}}}]}}'.encode()


ODD = {
    "compact": asking('"How high is it?"'),
    "spread out": b'\n{ "messages" : [\t{"content" :"How high is it?" ,"role":"user"} ]\r\n,"model":"gpt-5-mini" }  \n',
    "escapes": asking(r'"\u00e4\/\u20AC\ud83d\ude00 \u0041"'),
    "raw and escaped": asking(r'"äß€😀 \u00e4"'),
    "numbers": asking('"High?"', '"temperature":1.0,"top_p":1e0,"seed":12345678901234567890,"presence_penalty":-0.0,'),
    "unknown members": asking('"High?","z":0', '"x":{"y":[null,true,{}]},'),
    "parts": asking('[{"type":"text","text":"How"},{"text":"?","type":"text"}]'),
    "empty text": asking('""'),
    "long": chat_body("The river stands low. " * 4000),
    "not for its model": b'{"model":"gpt-5-mini"}',
}
REPLIES = {
    "as usual": "encoding=identity",
    "gzip": "encoding=gzip",
    "br": "encoding=br",
    "zstd": "encoding=zstd",
    "chunked": "encoding=identity,chunked",
    "chunked gzip in small pieces": "encoding=gzip,chunked,split=7",
    "odd JSON": "encoding=identity,body=" + '{ "a" : 1.0 %2C\n"b":"\\u00e4" }',
    "no JSON": "encoding=identity,body=nothing of the kind",
    "a page": "encoding=identity,body=<p>down</p>,type=text/html",
    "an error": "encoding=identity,status=429",
    "a header more": "encoding=identity,header=x-Ratelimit-Remaining:  12",
    "large": "encoding=identity,size=3000000,pieces=1000",
}


def directly(house: House, request: bytes, host: str = HOST) -> tuple[Reply, Received]:
    """The exchange without weir: what the client gets, and what the double says it got."""
    with tunnel(house.doubles.tls_h1) as proxy, open_line(proxy, f"{host}:443", house.doubles.ca) as line:
        line.send(request)
        return line.reply(), house.doubles.requests()[-1]


def through(house: House, request: bytes, host: str = HOST) -> tuple[Reply, Received]:
    """The same exchange through weir."""
    with open_line(house.weir.url, f"{host}:8443", house.weir.ca, sni=host) as line:
        line.send(request)
        return line.reply(), house.doubles.requests()[-1]


def same(one: tuple[Reply, Received], other: tuple[Reply, Received]) -> None:
    """Both went up and came down alike, headers in any order."""
    (reply, got), (reply2, got2) = one, other
    assert (got2.method, got2.target, got2.host, got2.version) == (got.method, got.target, got.host, got.version)
    assert sorted(got2.headers) == sorted(got.headers)
    assert got2.body == got.body
    assert reply2.status == reply.status
    assert sorted(reply2.headers) == sorted(reply.headers)
    assert reply2.body == reply.body
    assert bool(reply2.chunks) == bool(reply.chunks), "chunked stays chunked"


HEADERS = (
    "User-Agent: Odd/1.0 (x; y)\r\nX-Stainless-Lang: python\r\nx-lower: 1\r\nX-Twice: a\r\nX-Twice: b\r\n"
    "Accept: */*\r\nAccept-Encoding: br;q=1.0,gzip;q=0.8 , identity; q=0\r\nCookie: a=b; c=d\r\nX-Empty:\r\n"
)


@pytest.mark.parametrize("how", ODD)
def test_an_odd_request_arrives_as_it_was_sent(how: str, house: House) -> None:
    request = post(HOST, PATH, ODD[how], house.doubles.keys["openai"], more=HEADERS)
    direct = directly(house, request)
    assert direct[1].body == ODD[how]
    same(direct, through(house, request))


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("how", REPLIES)
def test_a_reply_arrives_as_it_was_sent(how: str, streamed: bool, house: House) -> None:
    more = {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}
    request = post(HOST, PATH, chat_body("How high is it?", **more), house.doubles.keys["openai"])
    house.doubles.behave(REPLIES[how], times=2)
    same(directly(house, request), through(house, request))


def test_chunks_leave_as_they_came(house: House) -> None:
    body = chat_body("How high is it?", stream=True, stream_options={"include_usage": True})
    request = post(HOST, PATH, body, house.doubles.keys["openai"])
    house.doubles.behave("gate=each")
    with open_line(house.weir.url, f"{HOST}:8443", house.weir.ca, sni=HOST) as line:
        line.send(request)
        line.head()
        for number in range(1, 6):
            chunk = line.chunk()
            assert house.doubles.only().events == number, "one event, one chunk, before the next is sent"
            assert chunk.count(b"\n\n") == 1
            house.doubles.release("each")
        house.doubles.release("each", "all")
        while line.chunk():
            continue


def test_a_chunked_request_stays_chunked(house: House) -> None:
    body = chat_body("How high is it?")
    parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:20], body[20:21], body[21:])) + b"0\r\n\r\n"
    head = post(HOST, PATH, b"", house.doubles.keys["openai"])
    request = head.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + parts
    direct = directly(house, request)
    assert direct[1].body == body
    same(direct, through(house, request))


def test_codings_that_weir_can_not_read_are_not_asked_for(house: House) -> None:
    more = "Accept-Encoding: br;q=1.0, dcb, gzip;q=0.8, *;q=0.1\r\n"
    _, got = through(house, post(HOST, PATH, ODD["compact"], house.doubles.keys["openai"], more=more))
    assert got.header("accept-encoding") == "br;q=1.0, gzip;q=0.8"


def test_two_members_of_one_name_are_read_differently_by_everybody_so_they_are_refused(house: House) -> None:
    body = asking('"High?"', '"messages":[],')
    with open_line(house.weir.url, f"{HOST}:8443", house.weir.ca, sni=HOST) as line:
        line.send(post(HOST, PATH, body, house.doubles.keys["openai"]))
        assert line.reply().status == 403
    assert house.doubles.requests() == []
    assert house.only()["inspection"] == "unparsed"


def test_other_methods_and_paths(house: House) -> None:
    key = house.doubles.keys["openai"]
    for first in ("GET /v1/models", "DELETE /v1/files/file-1", "OPTIONS /v1/x%2Fy?a=%20b&&c"):
        request = f"{first} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        same(directly(house, request), through(house, request))


def test_an_ordinary_api_and_a_page_on_decrypted_hosts(house: House) -> None:
    for host, first in (("api.orders.example", "GET /v1/orders/7?full=1"), ("www.news.example", "GET /")):
        request = f"{first} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n".encode()
        same(directly(house, request, host), through(house, request, host))
    assert {row["verdict"] for row in house.until(2, "response")} == {"allow"}


@pytest.mark.parametrize("text", ["How high is it?", f"Tell {ADDRESS} how high it is."], ids=["read", "edited"])
@pytest.mark.parametrize("port", [443, 8443], ids=["to-h2", "to-h1"])
@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_the_first_chunk_is_there_before_the_second_is_sent(http2: bool, port: int, text: str, house: House) -> None:
    house.doubles.behave("gate=second")
    address = f"https://{HOST}:{port}{PATH}"
    headers = {"authorization": f"Bearer {house.key}", "content-type": "application/json"}
    with (
        house.client(http2=http2) as http,
        http.stream("POST", address, content=chat_body(text, stream=True), headers=headers) as reply,
    ):
        chunks = reply.iter_raw()
        first = next(chunks)
        assert b'"role":"assistant"' in first
        until(lambda: house.doubles.waiting("second"), "the double at its gate")
        assert house.doubles.only().events == 1
        said = b""
        for number in range(2, 5):  # "You s", "aid: ", …: each leaves when it has come
            house.doubles.release("second")
            said += next(chunks)
            assert house.doubles.only().events == number
        assert b"You s" in said
        house.doubles.release("second", "all")
        rest = b"".join(chunks)
    assert rest.endswith(b"data: [DONE]\n\n")


def test_a_compressed_stream_is_passed_on_chunk_by_chunk(house: House) -> None:
    house.doubles.behave("gate=second,encoding=gzip")
    body = chat_body("How high?", stream=True, stream_options={"include_usage": True})
    with (
        house.client() as http,
        http.stream("POST", URL, content=body, headers={"authorization": f"Bearer {house.key}"}) as reply,
    ):
        chunks = reply.iter_raw()
        raw = next(chunks)
        assert house.doubles.only().events == 1
        house.doubles.release("second", "all")
        raw += b"".join(chunks)
    assert raw == house.doubles.only().sent
    assert gzip.decompress(raw).endswith(b"data: [DONE]\n\n")


def test_http2_replies_are_byte_identical(house: House) -> None:
    for how in ("encoding=gzip", "encoding=br", "encoding=identity,chunked", "encoding=identity,size=3000000"):
        house.doubles.reset()
        house.doubles.behave(how)
        headers = {"authorization": f"Bearer {house.doubles.keys['openai']}"}
        with (
            house.client(http2=True) as http,
            http.stream("POST", URL, content=ODD["spread out"], headers=headers) as reply,
        ):
            raw = b"".join(reply.iter_raw())
        got = house.doubles.only()
        assert (got.version, got.body, raw) == ("2", ODD["spread out"], got.sent)

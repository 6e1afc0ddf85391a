"""Scenes of who may go where: virtual keys, services that are refused, discovered, or passed by undecrypted."""

from __future__ import annotations

import ssl
from typing import Any

from weir.demo.clients import OpenAI
from weir.demo.scenes_chat import HOSTS, QUESTION
from weir.demo.scenes_model import Cast, Differs, Row, Scene, need, only, reply_to, status_of
from weir.demo.stage import LAB, ORDERS
from weir.demo.upstream import Arrived

__all__ = ["DISCOVERED", "METERED", "REFUSED", "VIRTUAL_KEY"]

REFUSED_API, REFUSED_SITE = "api.deepseek.com", "chat.deepseek.com"
_RULE = "approved-services-only"
_ISSUER = "weir provider doubles CA"
_TIMEOUT_S = 10.0
# What Firefox sends when somebody types an address: weir answers that with a page.
_BROWSER = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "sec-fetch-dest": "document",
    "sec-fetch-mode": "navigate",
    "sec-fetch-site": "none",
}


def virtual_key(cast: Cast) -> str:
    """Call with a virtual key: the provider must have got the real one, in the place where that SDK puts keys."""
    places: list[str] = []
    for sdk in cast.sdks:
        mark = cast.upstream.mark()
        need(sdk.chat(cast.other_key, QUESTION) == reply_to(QUESTION), f"{sdk.name}: another answer")
        came = only(cast.upstream.arrived(mark), sdk.name)
        places.append(_place(came, cast.real_keys[sdk.kind]))
        need(places[-1] != "", f"{sdk.name}: the real key did not reach the provider")
    for came in cast.upstream.arrived():
        need(not came.holds(cast.other_key) and not came.holds(cast.key), "a virtual key went upstream")
    return f"real key in {', '.join(places)}; the virtual one nowhere"


def _place(came: Arrived, key: str) -> str:
    """The header that holds ``key``, alone or after a scheme word; "" for none."""
    names = [name for name, value in came.headers if value.rpartition(" ")[2] == key]
    return names[0].lower() if len(names) == 1 else ""


def refused(cast: Cast) -> str:
    """Call a service that is not approved, as a program and as a browser."""
    import httpx
    import openai

    mark = cast.upstream.mark()
    try:
        OpenAI(f"https://{REFUSED_API}/v1", "deepseek-chat").chat(cast.key, QUESTION)
    except openai.PermissionDeniedError as error:
        need(_RULE in str(error), "the program's refusal does not name the rule")
        seen = f"{type(error).__name__} {status_of(error)}"
    else:
        raise Differs("the program was let through")
    page = httpx.get(f"https://{REFUSED_SITE}/", headers=_BROWSER, timeout=_TIMEOUT_S)
    kind = page.headers.get("content-type", "").partition(";")[0]
    need((page.status_code, kind) == (403, "text/html"), f"the browser got {page.status_code} {kind}")
    need(_RULE in page.text, "the page does not name the rule")
    need(not cast.upstream.arrived(mark), "a request went upstream all the same")
    return f"program: {seen}; browser: {page.status_code} {kind}; nothing upstream"


def discovered(cast: Cast) -> str:
    """Call a host that no catalogue knows, in a way that only AI services are called."""
    mark = cast.upstream.mark()
    said = OpenAI(f"https://{LAB}/v1", "qwen3-32b").chat("none-needed", QUESTION)
    need(said == reply_to(QUESTION), "the client got another answer")
    need(only(cast.upstream.arrived(mark), LAB).host == LAB, "the request went elsewhere")
    return f"{LAB} answered"


def metered(cast: Cast) -> str:
    """Place an order with an API that has nothing to do with AI; its own certificate must reach the client."""
    import httpx

    mark = cast.upstream.mark()
    # The client trusts the other side's CA and not weir's: had weir decrypted, the handshake would fail.
    trust = ssl.create_default_context(cafile=str(cast.upstream_ca))
    with httpx.Client(verify=trust, timeout=_TIMEOUT_S) as client:
        reply = client.post(f"https://{ORDERS}/v1/orders", json={"item": "gauge", "count": 3})
        issuer = _issuer(reply.extensions["network_stream"].get_extra_info("ssl_object"))
    need(reply.status_code == 200, f"status {reply.status_code}")
    need(issuer == _ISSUER, f"the certificate is from {issuer}")
    need(only(cast.upstream.arrived(mark), ORDERS).host == ORDERS, "the request went elsewhere")
    return f"status {reply.status_code}, certificate from {issuer}"


def _issuer(connection: Any) -> str:
    parts = connection.getpeercert().get("issuer", ()) if connection else ()
    return next((value for part in parts for name, value in part if name == "commonName"), "nobody")


VIRTUAL_KEY = Scene(
    "A virtual key",
    "Team finance calls with the key that `weir keys create` gave it.",
    "the provider gets the real key, the audit the team",
    virtual_key,
    tuple(Row(host, team="finance", read=QUESTION) for host in HOSTS),
)
REFUSED = Scene(
    "An unapproved service",
    "A program and a browser call DeepSeek.",
    "an error for the program, a page for the browser",
    refused,
    (
        Row(REFUSED_API, "block", _RULE),
        Row(REFUSED_SITE, "block", _RULE, inspection="partial", team=""),  # a GET has no body to inspect
    ),
)
DISCOVERED = Scene(
    "An unknown AI host",
    "A program calls a model server that no catalogue lists.",
    "it passes, and is on record as discovered",
    discovered,
    (Row(LAB, "alert", "unknown-ai-service", team="", read=QUESTION, priced=False, discovered=True),),
)
METERED = Scene(
    "An ordinary host",
    "A program places an order; nothing about it is AI.",
    "not decrypted, yet bytes both ways on record",
    metered,
    (Row(ORDERS, "allow", inspection="metered", team="", metered=True),),
)

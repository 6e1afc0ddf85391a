"""A shadow AI report of a company that does not exist: 25 services over 30 days, live and from logs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from weir.reports.shadow.cells import UsedBy
from weir.reports.shadow.model import Blind, Credential, Hint, Person, Service, ShadowReport, Step, Totals
from weir.reports.shadow.steps import steps

__all__ = ["MADE", "hostile", "large", "sample"]

MADE = datetime(2026, 3, 31, 6, 0)
SINCE = MADE - timedelta(days=30)
_DAYS = tuple((SINCE + timedelta(days=at)).date() for at in range(30))
MB = 1_000_000

# id, name, vendor, category, country, status, score, users, unnamed, requests a day, MB up, findings, first day, source
_ROWS = (
    ("chatgpt", "ChatGPT", "OpenAI", "assistant", "US", "unsanctioned", 72, 214, 1830, 910, 1840, 96, 0, "live squid"),
    ("openai", "OpenAI API", "OpenAI", "model-api", "US", "sanctioned", 24, 88, 0, 2400, 960, 12, 0, "live"),
    ("anthropic", "Anthropic API", "Anthropic", "model-api", "US", "sanctioned", 22, 61, 0, 1950, 1220, 4, 0, "live"),
    ("deepseek", "DeepSeek", "DeepSeek", "assistant", "CN", "unsanctioned", 91, 47, 320, 160, 610, 38, 4, "live squid"),
    ("github-copilot", "GitHub Copilot", "GitHub", "coding", "US", "sanctioned", 26, 132, 0, 3100, 720, 3, 0, "live"),
    ("google-gemini", "Gemini", "Google", "assistant", "US", "tolerated", 48, 96, 410, 280, 390, 11, 0, "live dns"),
    ("otter", "Otter", "Otter.ai", "meetings", "US", "unsanctioned", 78, 19, 0, 44, 2310, 0, 2, "squid"),
    ("perplexity", "Perplexity", "Perplexity", "search", "US", "tolerated", 51, 73, 190, 150, 88, 6, 0, "live squid"),
    ("deepl", "DeepL", "DeepL", "translation", "DE", "tolerated", 33, 120, 260, 340, 210, 17, 0, "live squid"),
    ("cursor", "Cursor", "Anysphere", "coding", "US", "unsanctioned", 69, 22, 0, 520, 480, 21, 6, "live"),
    ("grammarly", "Grammarly", "Grammarly", "writing", "US", "unsanctioned", 64, 58, 140, 610, 130, 9, 0, "squid dns"),
    ("midjourney", "Midjourney", "Midjourney", "image", "US", "unsanctioned", 57, 14, 0, 32, 41, 0, 1, "squid"),
    ("huggingface", "Hugging Face", "Hugging Face", "model-hub", "US", "tolerated", 44, 31, 0, 61, 74, 2, 0, "live"),
    ("fireflies", "Fireflies", "Fireflies.ai", "meetings", "US", "unsanctioned", 80, 8, 0, 12, 1170, 0, 25, "squid"),
    ("kimi", "Kimi", "Moonshot AI", "assistant", "CN", "unsanctioned", 88, 6, 12, 18, 64, 5, 26, "live"),
    ("llm.partner-lab.example", "", "", "model-api", "", "unknown", 76, 5, 0, 90, 155, 14, 24, "live"),
    ("elevenlabs", "ElevenLabs", "ElevenLabs", "audio", "US", "unsanctioned", 61, 7, 0, 9, 52, 0, 8, "squid"),
    ("mistral", "Le Chat", "Mistral AI", "assistant", "FR", "tolerated", 36, 18, 0, 40, 33, 1, 3, "live"),
    ("notion-ai", "Notion AI", "Notion", "writing", "US", "unknown", 55, 26, 0, 70, 61, 4, 0, "live"),
    ("runway", "Runway", "Runway", "video", "US", "unsanctioned", 58, 3, 0, 4, 940, 0, 27, "squid"),
    ("gamma", "Gamma", "Gamma Tech", "documents", "US", "unsanctioned", 59, 11, 0, 15, 47, 2, 12, "squid"),
    ("ollama-10.20.4.17", "Ollama on 10.20.4.17", "", "inference", "", "unknown", 41, 2, 0, 210, 38, 3, 15, "live"),
    ("quillbot", "QuillBot", "Learneo", "writing", "US", "unsanctioned", 62, 9, 0, 21, 12, 1, 0, "dns squid"),
    ("mcp.tools-hub.example", "", "", "mcp-server", "", "unknown", 67, 4, 0, 33, 9, 2, 28, "live"),
    ("cohere", "Cohere", "Cohere", "model-api", "CA", "tolerated", 30, 3, 0, 14, 8, 0, 0, "live"),
)  # fmt: skip
_HOSTS = {
    "chatgpt": ("chatgpt.com", "chat.openai.com", "files.oaiusercontent.com"), "openai": ("api.openai.com",),
    "anthropic": ("api.anthropic.com",), "deepseek": ("chat.deepseek.com", "api.deepseek.com"),
    "otter": ("otter.ai", "aisense.com"), "cursor": ("api2.cursor.sh", "repo42.cursor.sh"),
    "google-gemini": ("gemini.google.com",),
}  # fmt: skip
# Reasons are of this company's use alone: what a real vendor does is said nowhere in a sample.
_REASONS = {
    "chatgpt": ("personal accounts in use", "96 sensitive findings in what was sent", "1,830 requests of nobody known"),
    "deepseek": ("vendor in a country the policy names", "38 sensitive findings in what was sent"),
    "otter": ("2.3 GB sent by 19 people", "not looked into: known from logs alone"),
    "cursor": ("source code leaves", "21 sensitive findings in what was sent"),
    "fireflies": ("new this week", "1.2 GB sent by 8 people", "not looked into: known from logs alone"),
    "kimi": ("new this week", "vendor in a country the policy names"),
    "llm.partner-lab.example": ("in no catalogue", "speaks the OpenAI protocol", "14 sensitive findings"),
    "mcp.tools-hub.example": ("in no catalogue", "an MCP server whose tools write", "new this week"),
    "openai": ("sanctioned by the policy", "12 sensitive findings, all held back"),
    "anthropic": ("sanctioned by the policy", "4 sensitive findings, all held back"),
}
_COMMON = {
    "sanctioned": ("sanctioned by the policy",),
    "tolerated": ("tolerated by the policy", "what the vendor keeps is not known"),
    "unsanctioned": ("unsanctioned by the policy", "what the vendor keeps is not known"),
    "unknown": ("the policy says nothing of it",),
}


def sample() -> ShadowReport:
    """The report, always the same."""
    chance = Random(20260331)
    services = tuple(sorted((_service(row, chance) for row in _ROWS), key=lambda one: -one.requests))
    return ShadowReport(
        made=MADE,
        since=SINCE,
        until=MADE,
        totals=Totals(
            services=len(services),
            unsanctioned=sum(one.status not in ("sanctioned", "tolerated") for one in services),
            new=sum(one.new for one in services),
            users=341,
            requests=sum(one.requests for one in services),
            bytes_up=sum(one.bytes_up for one in services),
            findings=sum(one.findings for one in services),
        ),
        days=_DAYS,
        services=services,
        people=_people(chance),
        credentials=_CREDENTIALS,
        blind=_BLIND,
        hints=_HINTS,
        steps=steps(services, _uses(services), _CREDENTIALS, _BLIND, _HINTS, {"chatgpt": 11}),
        coverage=(("inspected", 214_380), ("partial", 3_912), ("metered", 61_204), ("pinned", 8_810), ("unparsed", 412),
                  ("failed", 37), ("logs", 96_150), ("uncatalogued", 41_007)),
    )  # fmt: skip


def _uses(services: Sequence[Service]) -> list[UsedBy]:
    """As many people at each service as it has users; who uses little is among those who use much."""
    return [
        UsedBy(f"person-{at}", True, "", one.id, one.requests // one.users, 0, 0, MADE, 0)
        for one in services
        for at in range(one.users)
    ]


def _service(row: tuple[object, ...], chance: Random) -> Service:
    ident, name, vendor, category, country, status, score, users, unnamed, daily, up, found, first, sources = row
    trend = tuple(_day(at, int(daily), int(first), chance) for at in range(len(_DAYS)))  # type: ignore[call-overload]
    begin = SINCE + timedelta(days=int(first), minutes=chance.randrange(420, 1100))  # type: ignore[call-overload]
    live = "live" in str(sources)
    return Service(
        id=str(ident), name=str(name) or str(ident), vendor=str(vendor), category=str(category), country=str(country),
        status=str(status), score=int(score), users=int(users), unidentified=int(unnamed),  # type: ignore[call-overload]
        reasons=_REASONS.get(str(ident), _COMMON[str(status)]),
        hosts=_HOSTS.get(str(ident), (f"app.{ident}.example" if "." not in str(ident) else str(ident),)),
        requests=sum(trend), blocked=sum(trend) // 9 if status == "unsanctioned" and live else 0,
        bytes_up=int(up) * MB + chance.randrange(MB), bytes_down=int(up) * 3 * MB,  # type: ignore[call-overload]
        findings=int(found), inspection=("inspected", "metered") if live else (),  # type: ignore[call-overload]
        sources=tuple(str(sources).split()), discovered=not vendor, first_seen=begin,
        last_seen=MADE - timedelta(minutes=chance.randrange(3, 900)), trend=trend, new=int(first) >= 23,  # type: ignore[call-overload]
    )  # fmt: skip


def _day(at: int, daily: int, first: int, chance: Random) -> int:
    if at < first:
        return 0
    weekend = 0.15 if _DAYS[at].weekday() >= 5 else 1.0
    grown = 0.7 + 0.6 * at / len(_DAYS) + 0.1 * math.sin(at)
    return max(1, round(daily * weekend * grown * chance.uniform(0.8, 1.2)))


def _people(chance: Random) -> tuple[Person, ...]:
    names = (
        "mara.lindqvist", "tobias.reuter", "aiko.tanaka", "sam.okafor", "ines.duarte", "jonas.weber", "priya.nair",
        "lena.hofer", "marek.zielinski", "chloe.martin", "device 10.20.4.17", "david.cohen", "yuki.mori", "ana.silva",
    )  # fmt: skip
    teams = ("engineering", "sales", "finance", "engineering", "legal", "marketing", "engineering")
    good, bad = (
        ("openai", "github-copilot", "google-gemini", "deepl"),
        ("chatgpt", "deepseek", "cursor", "otter", "kimi"),
    )
    made = []
    for at, name in enumerate(names):
        loud = tuple(bad[(at + step) % len(bad)] for step in range(at % 4))
        services = (*good[: 1 + at % 4], *loud)
        whole = name if name.startswith("device") else f"{name}@fjordline.example"
        team = "" if name.startswith("device") else teams[at % len(teams)]
        sent = (14 - at) * 9 * MB + chance.randrange(MB)
        found = chance.randrange(12) if loud else 0
        last = MADE - timedelta(minutes=37 * at + 11)
        made.append(Person(whole, team, services, loud, 900 - 61 * at, sent, found, last))
    return tuple(made)


_CREDENTIALS = (
    Credential("OpenAI", "api_key", "7c1f09ab", ("marek.zielinski@fjordline.example",), 1204,
               MADE - timedelta(hours=2)),
    Credential("Anthropic", "oauth", "e40b7d22", ("sam.okafor@fjordline.example", "jonas.weber@fjordline.example"), 388,
               MADE - timedelta(hours=20)),
    Credential("DeepSeek", "api_key", "19d2c6f0", ("priya.nair@fjordline.example",), 96, MADE - timedelta(days=3)),
)  # fmt: skip
_BLIND = (
    Blind("ws.chatgpt.com", "ChatGPT", "pinned", "the desktop app trusts only its own certificates", 41, 3980, 310 * MB,
          MADE - timedelta(minutes=8)),
    Blind("api2.cursor.sh", "Cursor", "pinned", "the client closed 3 connections on seeing weir's certificate", 9, 812,
          66 * MB, MADE - timedelta(minutes=50)),
    Blind("grpc.otter.ai", "Otter", "metered", "the policy names it in tls.passthrough", 19, 240, 2100 * MB,
          MADE - timedelta(hours=5)),
)  # fmt: skip
_HINTS = (
    Hint("edge-17.notes-cloud.example", "one upload, then a reply of 214 records over 31 s", 3, 22, 4 * MB,
         MADE - timedelta(hours=9)),
    Hint("198.51.100.24", "one upload, then a reply of 480 records over 52 s; no name in the handshake", 1, 6, MB,
         MADE - timedelta(days=2)),
)  # fmt: skip


def large(services: int) -> ShadowReport:
    """As many services, and three times as many people."""
    small = sample()
    some = small.services
    many = tuple(
        replace(some[at % len(some)], id=f"service-{at}", name=f"Service {at:04d}", requests=1_000_000 - at)
        for at in range(services)
    )
    people = tuple(
        replace(small.people[at % len(small.people)], user=f"person-{at}@fjordline.example")
        for at in range(3 * services)
    )
    return replace(small, services=many, people=people)


def hostile(evil: str) -> ShadowReport:
    """The report with ``evil`` wherever a text from outside can stand."""
    small = sample()
    one = replace(
        small.services[0], id=evil, name=evil, vendor=evil, category=evil, country=evil, status=evil, reasons=(evil,),
        hosts=(evil,), inspection=(evil,), sources=(evil,), new=True,
    )  # fmt: skip
    return replace(
        small,
        services=(one, *small.services[1:]),
        people=(replace(small.people[0], user=evil, team=evil, services=(evil,), unsanctioned=(evil + "2",)),),
        credentials=(Credential(evil, evil, evil, (evil,), 1, MADE),),
        blind=(Blind(evil, evil, evil, evil, 1, 1, 1, MADE),),
        hints=(Hint(evil, evil, 1, 1, 1, MADE),),
        steps=(Step(evil, evil, (evil, "nowhere"), evil, 1.0),),
        coverage=((evil, 1), ("inspected", 5)),
    )

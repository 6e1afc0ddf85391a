"""The setup page: what to fetch, what to compare, and what to type, for each platform and tool. No script in it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template

from weir.cli.setup import steps

__all__ = ["About", "page", "policy_of_page"]

_CSS = Path(__file__).with_name("page.css")
_FILES = (
    ("weir-ca.pem", "CA, PEM", "Linux, macOS, Node, most runtimes"),
    ("weir-ca.cer", "CA, DER", "Windows, Android"),
    ("weir-ca.mobileconfig", "CA, profile", "macOS, iOS, iPadOS"),
    ("weir-roots.pem", "Public CAs and weir's", "tools that know one file only: Python, curl, git"),
    ("proxy.pac", "PAC file", "browsers, and systems that take one"),
)
_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Set up this device</title>
<style>$css</style>
</head>
<body>
<header>
<h1>Set up this device for weir</h1>
<p>AI traffic of this network passes a proxy that reads it. A device needs two things: to trust the proxy's certificate
authority (CA), and to know where the proxy is.</p>
</header>
<main>
<section class="first">
<h2>1. Compare the fingerprint</h2>
<p>Whoever's CA you trust can read your traffic, and this page came without encryption. Take the CA only when this is
the SHA-256 fingerprint that your administrator gave you by another way:</p>
<p class="finger">$finger</p>
<dl><dt>Name</dt><dd>$name</dd><dt>Valid until</dt><dd>$until</dd><dt>Proxy</dt><dd><code>$proxy</code></dd></dl>
</section>
<section>
<h2>2. Fetch</h2>
<ul class="files">$files</ul>
</section>
<section>
<h2>3. Trust the CA and set the proxy</h2>
$systems
</section>
<section>
<h2>4. Tools that have settings of their own</h2>
$tools
</section>
<section>
<h2>Does it work?</h2>
$proof
</section>
</main>
<footer class="dim">This page holds nothing secret and serves nothing else. Programs that pin their certificates cannot
be set up; the proxy refuses or passes them as its policy says.</footer>
</body>
</html>
""")


@dataclass(frozen=True, slots=True)
class About:
    """What the page says: the CA, where the proxy is, and where the page itself."""

    name: str
    fingerprint: str  # AB:CD:…
    until: datetime
    proxy: str  # URL, without credentials
    site: str  # URL without a slash at its end
    browsers: str  # what the PAC file sends through the proxy, in words


def page(about: About) -> bytes:
    """The whole page."""
    files = "".join(
        f'<li><a href="/{name}" download><strong>{escape(what)}</strong><span>{escape(use)}</span></a></li>'
        for name, what, use in _FILES
    )
    pairs = about.fingerprint.split(":")
    finger = " ".join(":".join(pairs[at : at + 4]) for at in range(0, len(pairs), 4))
    return _PAGE.substitute(
        css=_css(),
        finger=escape(finger),
        name=escape(about.name),
        until=f"{about.until:%Y-%m-%d}",
        proxy=escape(about.proxy),
        files=files,
        systems="".join(_fold(*one) for one in steps.systems(about.site, about.proxy, about.browsers)),
        tools="".join(_fold(*one) for one in steps.tools(about.site, about.proxy)),
        proof=_step(steps.proof(about.site)),
    ).encode()


def policy_of_page() -> str:
    """The page's Content-Security-Policy: its one style sheet and nothing else."""
    mark = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{mark}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def _css() -> str:
    return _CSS.read_text(encoding="utf-8")


def _fold(title: str, parts: tuple[steps.Step, ...]) -> str:
    return f"<details><summary>{escape(title)}</summary>{''.join(map(_step, parts))}</details>"


def _step(step: steps.Step) -> str:
    said = f"<p>{escape(step.say)}</p>" if step.say else ""
    return said + (f"<pre><code>{escape(step.type)}</code></pre>" if step.type else "")

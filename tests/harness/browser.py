"""Debian's Chromium, headless, driven by selenium: for pages that a person sees.

    with chromium(folder) as browser:
        browser.open(path)
        assert browser.problems() == [] and browser.asked() == []

One start takes one or two seconds: a module of tests shares a browser (a module-scoped fixture around ``chromium``).
Tests that use it say ``@pytest.mark.needs("chromium")`` and ``@pytest.mark.needs("chromedriver")``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

__all__ = ["Browser", "chromium"]

_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-extensions",
    "--disable-dev-shm-usage", "--disable-features=OptimizationHints,MediaRouter,Translate", "--hide-scrollbars",
    "--no-default-browser-check", "--password-store=basic", "--force-color-profile=srgb",
)  # fmt: skip
_WAIT = 60  # s, for a page on a busy machine
_OWN = ("data:", "about:", "blob:", "chrome:", "chrome-extension:", "devtools:")


class Browser:
    """A running browser. ``driver`` is selenium's own, for whatever has no name here."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self._events: list[dict[str, Any]] = []
        driver.set_page_load_timeout(_WAIT)
        driver.set_script_timeout(_WAIT)

    def open(self, where: Path | str) -> None:
        """Open a file or an address; what was noted of the page before is forgotten."""
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self._events.clear()
        self.driver.get(where.as_uri() if isinstance(where, Path) else where)

    def run(self, script: str, *given: object) -> Any:
        """What a script returns that runs in the page."""
        return self.driver.execute_script(script, *given)

    def problems(self) -> list[str]:
        """Errors and warnings of the console since ``open``: exceptions, what the page's policy forbade."""
        rows = self.driver.get_log("browser")
        return [row["message"] for row in rows if row["level"] in ("SEVERE", "WARNING")]

    def asked(self) -> list[str]:
        """Addresses the page asked for since ``open``, itself not counted, nor what a browser holds by itself."""
        for row in self.driver.get_log("performance"):
            self._events.append(json.loads(row["message"])["message"])
        sent = [event["params"] for event in self._events if event["method"] == "Network.requestWillBeSent"]
        return [
            row["request"]["url"]
            for row in sent
            if not row["request"]["url"].startswith(_OWN) and row.get("type") != "Document"
        ]

    def resize(self, width: int, height: int, *, scale: float = 1, phone: bool = False) -> None:
        """The size of what a page sees, in CSS pixels; ``phone``: with touch and a viewport that zooms."""
        values = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", values)

    def prefer(self, scheme: str) -> None:
        """``dark`` or ``light``."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def scripts(self, on: bool) -> None:
        """Whether pages opened from now on may run scripts."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not on})

    def picture(self, height: int | None = None, *, top: int = 0) -> bytes:
        """A PNG of the page: all of it, or ``height`` CSS pixels from ``top``."""
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        tall = height or size["height"] - top
        clip = {"x": 0, "y": top, "width": size["width"], "height": tall, "scale": 1}
        found = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        return base64.b64decode(found["data"])

    def paper(self) -> bytes:
        """The page as PDF, A4, with backgrounds as the page asks for them."""
        values = {"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": True, "printBackground": False}
        return base64.b64decode(self.driver.execute_cdp_cmd("Page.printToPDF", values)["data"])


@contextmanager
def chromium(folder: Path, *, proxy: str = "", authorities: Sequence[Path] = ()) -> Iterator[Browser]:
    """A browser with an empty profile inside ``folder``.

    ``proxy`` is ``http://127.0.0.1:PORT``; connections to this machine go through it too. ``authorities`` are PEM
    files: an authority is taken into the profile, and then certificates are judged as everywhere; of a certificate that
    is no authority's, whatever has the same key is taken unjudged.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = _program("chromium")
    for flag in _FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    if proxy:
        options.add_argument(f"--proxy-server={proxy}")
        options.add_argument("--proxy-bypass-list=<-loopback>")
    taken = [path for path in authorities if not _is_authority(path)]
    if taken:
        options.add_argument("--ignore-certificate-errors-spki-list=" + ",".join(_spki(path) for path in taken))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.ignore_local_proxy_environment_variables()
    folder.mkdir(parents=True, exist_ok=True)
    _trust(folder, [path for path in authorities if path not in taken])
    with tempfile.TemporaryDirectory(prefix="weir-") as short:  # a socket stands in it, whose name has to be short
        environment = {**os.environ, "HOME": str(folder), "TMPDIR": short}
        driver = webdriver.Chrome(options, Service(_program("chromedriver"), env=environment))
        try:
            yield Browser(driver)
        finally:
            driver.quit()


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is missing: scripts/test installs it")
    return found


def _is_authority(path: Path) -> bool:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _trust(home: Path, authorities: Sequence[Path]) -> None:
    """Put authorities where Chromium looks for those that its user added."""
    if not authorities:
        return
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True, exist_ok=True)
    certutil = [_program("certutil"), "-d", f"sql:{database}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True, capture_output=True, timeout=_WAIT)
    for at, path in enumerate(authorities):
        add = [*certutil, "-A", "-n", f"authority {at}", "-t", "C,,", "-i", str(path)]
        subprocess.run(add, check=True, capture_output=True, timeout=_WAIT)


def _spki(path: Path) -> str:
    """The digest by which Chromium knows a public key."""
    key = x509.load_pem_x509_certificate(path.read_bytes()).public_key()
    return base64.b64encode(
        hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    ).decode()

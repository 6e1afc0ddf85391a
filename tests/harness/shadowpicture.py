"""Makes ``docs/shadow-ai-report.png``: the sample report at a desk by day and on a phone by night.

PYTHONPATH=addons:tests .venv/bin/python -m harness.shadowpicture docs/shadow-ai-report.png
"""

from __future__ import annotations

import base64
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np

from harness.browser import Browser, chromium
from harness.shadowsample import sample
from weir.reports.shadow.page import page

__all__ = ["make", "png", "quantised"]

_DESK, _PHONE, _TALL, _GAP = 1200, 360, 1940, 28
_GROUND = (205, 211, 218)
Pixels = np.ndarray  # (height, width, 3) of uint8


def make(out: Path) -> None:
    """Open the sample in a browser twice and write both views side by side."""
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder) / "browser") as browser:
        file = Path(folder) / "report.html"
        file.write_text(page(sample()), "utf-8")
        browser.resize(_DESK, _TALL)
        browser.open(file)
        desk = _pixels(browser, 0)
        browser.resize(_PHONE, _TALL, phone=True)
        browser.prefer("dark")
        browser.open(file)
        phone = _pixels(browser, browser.run("return Math.round(document.getElementById('use').offsetTop)"))
    whole = np.full((_TALL + 2 * _GAP, _DESK + _PHONE + 3 * _GAP, 3), _GROUND, np.uint8)
    whole[_GAP:-_GAP, _GAP : _GAP + _DESK] = desk
    whole[_GAP:-_GAP, -_GAP - _PHONE : -_GAP] = phone
    out.write_bytes(png(*quantised(whole)))


def _pixels(browser: Browser, top: int) -> Pixels:
    """What the browser shows from ``top`` on; its own PNG is read by the browser itself."""
    source = "data:image/png;base64," + base64.b64encode(browser.picture(_TALL, top=top)).decode()
    browser.driver.get("about:blank")
    found = browser.driver.execute_async_script(
        """
        const [source, done] = arguments, image = new Image();
        image.onload = () => {
          const canvas = Object.assign(document.createElement('canvas'), {width: image.width, height: image.height});
          const brush = canvas.getContext('2d');
          brush.drawImage(image, 0, 0);
          const bytes = brush.getImageData(0, 0, image.width, image.height).data;
          let text = '';
          for (let at = 0; at < bytes.length; at += 32768)
            text += String.fromCharCode(...bytes.subarray(at, at + 32768));
          done([image.width, image.height, btoa(text)]);
        };
        image.src = source;
        """,
        source,
    )
    width, height, text = found
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[:, :, :3]


def quantised(pixels: Pixels) -> tuple[Pixels, Pixels]:
    """The picture in its 256 most common colours: (indices, palette). Another colour becomes the nearest of them."""
    flat = pixels.reshape(-1, 3).astype(np.int32)
    numbers = (flat << [16, 8, 0]).sum(1)
    codes, where, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1)
    palette = colours[np.argsort(-counts)[:256]]
    nearest = np.array([((palette - one) ** 2).sum(1).argmin() for one in colours], np.uint8)
    return nearest[where].reshape(pixels.shape[:2]), palette.astype(np.uint8)


def png(indices: Pixels, palette: Pixels) -> bytes:
    """A PNG with a palette."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = indices.shape
    rows = b"".join(b"\0" + row.tobytes() for row in indices)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"PLTE", palette.tobytes()) + chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


if __name__ == "__main__":
    make(Path(sys.argv[1]))

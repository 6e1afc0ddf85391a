"""Google's token endpoint on loopback: it checks a service account's assertion and gives an access token for it."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

__all__ = ["PEM", "TOKEN", "Endpoint", "account"]

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
TOKEN = "ya29." + "synthetic-token-"


class Endpoint:
    """Checks the assertion as Google does, and gives a token, or what it is told to."""

    def __init__(self) -> None:
        self.claims: list[dict[str, Any]] = []
        self.status, self.reply, self.location, self.life = 200, "", "", 3600
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                head, claims, signature = form["assertion"][0].split(".")
                KEY.public_key().verify(
                    _bytes(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
                )
                endpoint.claims.append(json.loads(_bytes(claims)))
                token = {"access_token": f"{TOKEN}{len(endpoint.claims)}", "expires_in": endpoint.life}
                data = (endpoint.reply or json.dumps(token)).encode()
                self.send_response(endpoint.status)
                if endpoint.location:
                    self.send_header("Location", endpoint.location)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: a request line is no news here."""

        self._handler, self._port = Handler, 0
        self.start()

    @property
    def url(self) -> str:
        """Where it is, before and after a stop."""
        return f"http://127.0.0.1:{self._port}/token"

    def start(self) -> None:
        """Listen; after a stop on the same port again."""
        self.server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler)
        self._port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def account(uri: str, **changes: object) -> str:
    """A service account's JSON file, whose tokens come from ``uri``."""
    values = {
        "type": "service_account",
        "project_id": "synthetic",
        "private_key_id": "k1",
        "private_key": PEM,
        "client_email": "weir@synthetic.iam.gserviceaccount.com",
        "token_uri": uri,
    }
    return json.dumps({**values, **changes})

"""nginx as the upstream that every contender gets: TLS, keep-alive, one fixed chat reply, one fixed stream."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Nginx", "free_port"]

REPLY = (
    '{"id":"chatcmpl-bench","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":[{"index":0,'
    '"message":{"role":"assistant","content":"All is well on the river today."},"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":250,"completion_tokens":8,"total_tokens":258}}'
)
CHUNK = (
    'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini",'
    '"choices":[{"index":0,"delta":{"content":"water "},"finish_reason":null}],"usage":null}\n\n'
)
USAGE = (
    'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","choices":[],'
    '"usage":{"prompt_tokens":250,"completion_tokens":50,"total_tokens":300}}\n\ndata: [DONE]\n\n'
)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Nginx:
    """Runs in `folder` until `stop`."""

    def __init__(self, folder: Path, name: str = "api.openai.com") -> None:
        program = shutil.which("nginx")
        if program is None:
            raise SystemExit("bench: nginx is missing; apt-get install nginx-light")
        self.folder, self.port = folder, free_port()
        self.stream_port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.ca = self._certificates(name)
        (folder / "stream.txt").write_text(CHUNK * 50 + USAGE)
        (folder / "nginx.conf").write_text(self._conf())
        self.process = subprocess.Popen([program, "-p", str(folder), "-c", "nginx.conf", "-g", "daemon off;"])
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert time.monotonic() < deadline, "nginx did not start"
            time.sleep(0.05)

    def _conf(self) -> str:
        reply = REPLY.replace("'", "\\'")
        common = "ssl_certificate leaf.pem; ssl_certificate_key leaf.key; keepalive_requests 10000000;"
        user = "user root;" if os.geteuid() == 0 else ""
        return f"""
{user} worker_processes 1; pid nginx.pid; error_log error.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi; client_max_body_size 100m; client_body_buffer_size 2m;
  server {{ listen 127.0.0.1:{self.port} ssl; {common}
    location / {{ default_type application/json; return 200 '{reply}'; }} }}
  server {{ listen 127.0.0.1:{self.stream_port} ssl; {common}
    location / {{ default_type text/event-stream; error_page 405 =200 $uri; root {self.folder};
      rewrite ^ /stream.txt break; }} }}
}}
"""

    def _certificates(self, name: str) -> Path:
        key, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench upstream CA")])
        now = datetime.now(UTC)
        loopback = x509.IPAddress(IPv4Address("127.0.0.1"))  # for gateways, which are told its address

        def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
            made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
            made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
            return made.not_valid_after(now + timedelta(days=2))

        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
             "decipher_only"), False,
        )  # fmt: skip
        ca = (
            builder(issuer, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **usage), critical=True
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        certificate = (
            builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), leaf.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name), loopback]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        (self.folder / "ca.pem").write_bytes(ca.public_bytes(pem))
        (self.folder / "leaf.pem").write_bytes(certificate.public_bytes(pem))
        (self.folder / "leaf.key").write_bytes(
            leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return self.folder / "ca.pem"

    def stop(self) -> None:
        """End nginx and wait for it."""
        self.process.terminate()
        self.process.wait(10)

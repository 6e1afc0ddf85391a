"""``weir serve-setup``: the CA, the PAC file and what to type, on a page of its own."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from weir.cli.address import ProxyAddress
from weir.cli.options import DATA, PROXY, DataOption, PolicyOption
from weir.cli.output import fail, note
from weir.cli.run import split_listen
from weir.cli.running import running

if TYPE_CHECKING:
    from weir.cli.setup.pac import Hosts

__all__ = ["serve_setup"]

LISTEN = "127.0.0.1:8090"
_LOCAL = ("localhost", "127.0.0.1", "::1")
_EVERYWHERE = ("", "0.0.0.0", "::")


def serve_setup(
    listen: Annotated[str, typer.Option(help="HOST:PORT to answer at; port 0 takes a free one.")] = LISTEN,
    url: Annotated[str, typer.Option(metavar="URL", help="How devices reach this page; default: as it listens.")] = "",
    proxy: Annotated[
        str, typer.Option("--proxy", metavar="URL", help="How devices reach weir; default: where it says it listens.")
    ] = "",
    pac: Annotated[
        Literal["decrypted", "all"],
        typer.Option(help="What the PAC file sends to weir: what the policy decrypts, or all hosts."),
    ] = "decrypted",
    data: DataOption = DATA,
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The CA's certificate, PEM; default: that of --data.")
    ] = None,
    policy: PolicyOption = None,
) -> None:
    """Serve a page with the CA, the PAC file and what to do on each device, until SIGTERM. Nothing is proxied here.

    The page needs no key and tells nothing secret. It is made once: start it anew after a change of CA or policy.
    """
    import asyncio

    from weir.cli.setup.pac import pac as pac_text
    from weir.cli.setup.page import About
    from weir.cli.setup.site import answers, read_ca, serve

    host, port = split_listen(listen)
    there = _proxy(data, proxy)
    hosts = _hosts(data, policy, everything=pac == "all")
    try:
        found = read_ca(ca or data / "ca" / "weir-ca.pem")
        text = pac_text(there.place, hosts, tls=there.scheme == "https")
    except ValueError as error:
        hint = "" if ca else "; weir run makes the CA, --data or --ca names it"
        raise fail("serve-setup", f"{error}{hint}") from None
    try:
        sock = _bound(host, port)
    except OSError as error:
        raise fail("serve-setup", f"cannot listen on {listen} ({error.strerror or 'no such address'})", 2) from None
    with sock:
        site = _site(url, *sock.getsockname()[:2])
        browsers = "all hosts go through weir:" if hosts.all else "what weir does not read goes past it:"
        about = About(found.name, found.fingerprint, found.certificate.not_valid_after_utc, there.url, site, browsers)
        if there.host in _LOCAL and host not in _LOCAL:
            note(f"weir serve-setup: devices are told {there.place}, which is this machine alone; say --proxy URL")
        note(f"the page: {site}/\nSHA-256 of the CA, to give to people another way: {found.fingerprint}")
        if host in _LOCAL and not url:
            note("weir serve-setup: this machine alone reaches the page; --listen 0.0.0.0:8090 lets devices in")
        asyncio.run(serve(sock, answers(found, about, text)))


def _proxy(data: Path, given: str) -> ProxyAddress:
    there = running(data)
    try:
        address = ProxyAddress.parse(given or (there.url if there else "") or PROXY)
    except ValueError as error:
        raise fail("serve-setup", f"--proxy: {error}", 2) from None
    if address.credentials or address.scheme not in ("http", "https"):
        raise fail("serve-setup", "--proxy: everybody reads it here; write http://HOST:PORT without credentials", 2)
    return address


def _hosts(data: Path, policy: Path | None, *, everything: bool) -> Hosts:
    """What the policy decrypts: of the weir that runs, where no other is named."""
    from weir import settings
    from weir.cli.setup.pac import Hosts
    from weir.places import policy_path
    from weir.providers.services.registry import Registry
    from weir.shadow.catalogue import Catalogue
    from weir.tenants.build import tenants_of

    there = running(data)
    known = Path(there.policy) if there and there.policy else None
    file = policy or (known if known and known.is_file() else policy_path("observe"))
    try:
        found = settings.load(file)
    except settings.PolicyError as error:
        raise fail("serve-setup", f"{error.mistakes[0]}; weir check {file} lists all") from None
    intercept = found.intercept
    if everything or intercept.scope == "all":
        return Hosts(all=True)
    named = {*intercept.include, *Registry.load().hosts, *Catalogue.load().hosts, *tenants_of(found).hosts}
    return Hosts(tuple(sorted(named)), intercept.exclude)


def _bound(host: str, port: int) -> socket.socket:
    from weir.edge.health.place import tcp

    sock = tcp(host, port)
    try:
        sock.listen(64)  # whoever comes before the first answer can be given waits
    except OSError:
        sock.close()
        raise
    return sock


def _site(url: str, host: str, port: int) -> str:
    """Where devices find the page: what was said, else where it listens, under this machine's name."""
    if url:
        bad = not url.startswith(("http://", "https://")) or any(char <= " " or char in "\"'`$\\<>" for char in url)
        if bad:
            raise fail("serve-setup", "--url: write it like http://setup.example:8090", 2)
        return url.rstrip("/")
    name = socket.gethostname() if host in _EVERYWHERE else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"

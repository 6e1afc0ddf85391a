"""``weir env`` and ``weir exec``: send programs through weir without changing them."""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weir.cli.address import ProxyAddress
from weir.cli.ca import open_ca
from weir.cli.options import DATA, PROXY, DataOption, ProxyOption
from weir.cli.output import fail, note, write
from weir.cli.running import running

if TYPE_CHECKING:
    from weir.datadir import DataDir
    from weir.tls.ca import CaFiles

__all__ = ["PASSWORD", "env", "execute"]

PASSWORD = "WEIR_PROXY_PASSWORD"


def env(
    data: DataOption = DATA,
    proxy: ProxyOption = "",
    shell: Annotated[
        str, typer.Option(metavar="SHELL", help="bash, zsh, sh, fish, powershell or cmd; default: from $SHELL.")
    ] = "",
) -> None:
    """Print the variables that send a shell's programs through weir: eval "$(weir env)"."""
    from weir.tls.trust import SHELLS, shell_lines

    chosen = shell or Path(os.environ.get("SHELL", "sh")).name
    if chosen not in SHELLS:
        if shell:
            raise fail("env", f"no shell {shell!r}; choose {', '.join(SHELLS)}", 2)
        chosen = "sh"
    address = _address("env", data, proxy)
    variables = _variables("env", data, address)
    try:
        lines = shell_lines(variables, chosen)
    except ValueError as error:
        raise fail("env", str(error)) from None
    write("\n".join(lines) + "\n")
    if sys.stdout.isatty() and chosen not in ("fish", "powershell", "cmd"):
        note('\nto set them here: eval "$(weir env)"')


def execute(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD [ARG]…", help="The program and its arguments.")],
    data: DataOption = DATA,
    proxy: ProxyOption = "",
    user: Annotated[
        str, typer.Option(metavar="NAME", help=f"Proxy user; the password comes from ${PASSWORD} or is asked for.")
    ] = "",
) -> None:
    """Run a program through weir; its exit code is passed on (126: cannot be run, 127: not found)."""
    address = _address("exec", data, proxy)
    if user:
        try:
            address = address.with_user(user, _password(user))
        except ValueError as error:
            raise fail("exec", str(error), 2) from None
    variables = {**os.environ, **_variables("exec", data, address)}
    problem = address.problem()
    if problem:
        raise fail("exec", f"nothing answers on {address.place} ({problem}); start weir run, or say where with --proxy")
    _doubt(data, address)
    variables.pop(PASSWORD, None)
    sys.stdout.flush()
    try:
        os.execvpe(command[0], command, variables)
    except FileNotFoundError:
        raise fail("exec", f"{command[0]}: no such program on the PATH", 127) from None
    except OSError as error:
        raise fail("exec", f"{command[0]}: cannot be run ({error.strerror})", 126) from None


def _address(command: str, data: Path, proxy: str) -> ProxyAddress:
    """Where to send programs: what was asked for, else where the weir of ``data`` says that it listens."""
    there = running(data)
    try:
        return ProxyAddress.parse(proxy or (there.url if there else "") or PROXY)
    except ValueError as error:
        raise fail(command, f"--proxy: {error}", 2) from None


def _doubt(data: Path, address: ProxyAddress) -> None:
    """Say so when what answers at ``address`` is not the weir whose CA the program is about to be told to trust."""
    there = running(data)
    if there is None:
        local = address.host in ("localhost", "127.0.0.1", "::1")
        if local:  # a proxy elsewhere has its data elsewhere, and this is a copy of its CA
            note(f"weir exec: no weir runs on {data}: if the proxy on {address.place} has another CA, TLS will fail")
    elif not there.answers_at(address.host, address.port):
        note(f"weir exec: the weir of {data} listens on {there.url or 'no address'}, not on {address.place}")


def _password(user: str) -> str:
    if ":" in user:
        raise ValueError(f"a password on the command line is seen by everyone here; put it into ${PASSWORD}")
    password = os.environ.get(PASSWORD, "")
    if not password and not sys.stdin.isatty():
        raise ValueError(f"there is no terminal to ask for the password; put it into ${PASSWORD}")
    return password or str(typer.prompt(f"Proxy password of {user}", hide_input=True, err=True))


def _variables(command: str, data: Path, address: ProxyAddress) -> dict[str, str]:
    """The environment for clients. Roots that this environment adds already (a company's own CA) stay trusted."""
    from weir.tls.trust import environment

    directory, files = open_ca(command, data)
    # Old public roots have serial numbers that cryptography warns of: nothing that whoever runs this could mend.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bundle, ca_pem = _bundles(command, directory, files)
    no_proxy = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return environment(address.url, bundle, ca_pem, inherited=no_proxy)


def _bundles(command: str, directory: DataDir, files: CaFiles) -> tuple[Path, Path]:
    """The files for clients: all roots and our CA; and our CA with what Node was told to trust besides its own."""
    from weir.datadir import DataDirError, write_public
    from weir.tls.trust import TrustError, client_bundle

    inherited = _inherited(os.environ, directory.path)
    try:
        ca_pem, bundle = files.pem, directory.ca / "client-roots.pem"
        if inherited:
            # Named by content: two shells with different roots must not write each other's file.
            mark = hashlib.sha256(b"".join(path.read_bytes() for path in inherited)).hexdigest()[:12]
            bundle = directory.ca / f"client-roots-{mark}.pem"
            added = os.environ.get("NODE_EXTRA_CA_CERTS", "")
            if added and Path(added) in inherited:
                ca_pem = directory.ca / f"client-extra-{mark}.pem"
                write_public(ca_pem, files.export("pem") + b"\n" + Path(added).read_bytes())
        client_bundle(bundle, files.pem, inherited)
    except (TrustError, DataDirError) as error:
        raise fail(command, str(error)) from None
    return bundle, ca_pem


def _inherited(variables: Mapping[str, str], ours: Path) -> list[Path]:
    """The CA files that the environment names already and that hold certificates; weir's own left out."""
    from cryptography import x509

    from weir.tls.trust import ADDING, REPLACING

    found: dict[Path, None] = {}
    for name in (*REPLACING, *ADDING):
        value = variables.get(name, "")
        path = Path(value)
        if not value or path in found or ours in path.absolute().parents:
            continue
        try:
            x509.load_pem_x509_certificates(path.read_bytes())
        except (OSError, ValueError):
            note(f"weir: {name} names a file without certificates; it is left out")
            continue
        found[path] = None
    return list(found)

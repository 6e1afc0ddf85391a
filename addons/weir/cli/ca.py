"""``weir ca``: show the interception CA and hand out what clients need to trust it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from weir.cli.options import DATA, DataOption
from weir.cli.output import fail, grid, note, write, write_json

if TYPE_CHECKING:
    from weir.datadir import DataDir
    from weir.tls.ca import CaFiles

__all__ = ["app", "open_ca"]

app = typer.Typer(help="The interception CA: show it, export it for enrolment.", no_args_is_help=True)

OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write there instead of to stdout.")]


def open_ca(command: str, data: Path, *, make: bool = False) -> tuple[DataDir, CaFiles]:
    """A data directory and its CA; ends the command when it cannot be used.

    ``make`` makes both where there are none. Only `weir run` and `weir ca show` do: whoever asks in the wrong
    directory must not be handed a CA that no weir uses.
    """
    from weir.datadir import DataDir, DataDirError
    from weir.tls.ca import CaError, ensure_ca

    if not make and not data.is_dir():
        raise fail(command, f"there is no weir data directory {data} here; name weir's with --data DIR", 2)
    try:
        directory = DataDir(data)
        new = not any(directory.ca.glob("*-ca.key"))
        if new and not make:
            raise fail(command, f"{data} holds no CA yet; weir run makes it, and so does weir ca show", 2)
        files = ensure_ca(directory.ca)
    except (CaError, DataDirError) as error:
        raise fail(command, str(error)) from None
    if new:
        note(f"made a new CA in {directory.ca}")
    return directory, files


@app.command()
def show(
    data: DataOption = DATA,
    format: Annotated[
        Literal["text", "json", "pem", "der", "p12"] | None,
        typer.Option(
            "--format",
            help="text (default) or json: what it is; pem (default with --out), der, p12 (Java): the certificate.",
        ),
    ] = None,
    out: OutOption = None,
) -> None:
    """What the CA is and where; or its certificate, for a trust store. Makes the CA where there is none."""
    if out is not None and format in ("text", "json"):
        raise fail("ca show", "--out is for the certificate; write --format pem, der or p12, or leave --format out", 2)
    format = format or ("pem" if out is not None else "text")
    _, files = open_ca("ca show", data, make=True)
    if format in ("pem", "der", "p12"):
        return _deliver("ca show", files.export(format), out, text=format == "pem")
    name = _common_name(files)
    if format == "json":
        return write_json(
            {
                "name": name,
                "sha256": files.fingerprint,
                "not_before": f"{files.certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%S}Z",
                "not_after": f"{files.expires:%Y-%m-%dT%H:%M:%S}Z",
                "certificate_pem": str(files.pem),
                "certificate_der": str(files.der),
            }
        )
    half = len(files.fingerprint) // 2 + 1
    left = (files.expires - datetime.now(UTC)).days
    at = "" if data == DATA else f" --data {data}"
    return grid(
        {
            "Name": name,
            "SHA-256": f"{files.fingerprint[:half]}\n{files.fingerprint[half:]}",
            "Valid": f"{files.certificate.not_valid_before_utc:%Y-%m-%d} to {files.expires:%Y-%m-%d}, {left} days left",
            "Certificate": f"{files.pem} (PEM)\n{files.der} (DER)",
            "Key": f"{files.key}; it never leaves this machine",
            "One program": f"weir exec{at} -- CMD",
            "One shell": f'eval "$(weir env{at})"',
            "A machine": "put the certificate into its trust store: certs/README.md",
        }
    )


@app.command()
def bundle(
    data: DataOption = DATA,
    format: Annotated[
        Literal["pem", "der"], typer.Option("--format", help="pem: public roots and our CA; der: our CA alone.")
    ] = "pem",
    out: OutOption = None,
) -> None:
    """The public roots and our CA in one file, for clients that know one file of roots only."""
    from weir.datadir import DataDirError
    from weir.tls.trust import TrustError, client_bundle

    directory, files = open_ca("ca bundle", data)
    if format == "der":  # DER holds one certificate: the public roots a client has already
        return _deliver("ca bundle", files.export("der"), out, text=False)
    try:
        made = client_bundle(directory.ca / "client-roots.pem", files.pem)
    except (TrustError, DataDirError) as error:
        raise fail("ca bundle", str(error)) from None
    return _deliver("ca bundle", made.read_bytes(), out, text=True)


def _deliver(command: str, content: bytes, out: Path | None, *, text: bool) -> None:
    from weir.datadir import DataDirError, write_public

    if out is not None:
        try:
            write_public(out, content)
        except DataDirError as error:
            raise fail(command, str(error)) from None
        return
    if text:
        write(content.decode())
        return
    if sys.stdout.isatty():
        raise fail(command, "that format is binary; add --out FILE or send it to a file", 2)
    sys.stdout.flush()
    sys.stdout.buffer.write(content)


def _common_name(files: CaFiles) -> str:
    from cryptography.x509.oid import NameOID

    names = files.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else files.certificate.subject.rfc4514_string()

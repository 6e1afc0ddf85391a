"""The ``weir`` command: which groups there are, and what becomes of errors that nobody expected.

Command modules import only typer and each other's small helpers at the top; what costs time is imported inside the
commands, so that ``weir --help`` and the offline commands start at once.
"""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

import typer

from weir.cli import ca, clients, dlp, doctor, identity, keys, prices, redirect, report, tokenizers, wireguard
from weir.cli.audit import app as audit
from weir.cli.budgets import budgets
from weir.cli.discover.app import discover
from weir.cli.fleet import restart
from weir.cli.inspect import inspect as inspect_file
from weir.cli.options import FormatOption
from weir.cli.output import fail
from weir.cli.providers import providers
from weir.cli.run import run
from weir.cli.scan import scan
from weir.cli.setup.app import serve_setup
from weir.cli.tenants import tenants
from weir.places import MissingFile, version

__all__ = ["app", "start"]

TRACEBACK = "WEIR_TRACEBACK"
# typer exports only a subclass of what it raises for wrong usage.
_UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])

app = typer.Typer(
    name="weir",
    help="An egress interceptor for AI traffic: who calls, what leaves, what it costs, one audit record per exchange.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and those hold keys
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"weir {version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of weir itself."""


def check(
    policy: Annotated[Path, typer.Argument(metavar="FILE", help="The policy to check.")],
    format: FormatOption = "table",
) -> None:
    """Validate a policy and run its rules' examples; lists all that is wrong, with file, line and remedy.

    Exit code 0: weir can run with it, warnings or not; 1: something is to be repaired.
    """
    from weir.cli.check import check as check_policy

    raise typer.Exit(check_policy(policy, format))


def demo(
    data: Annotated[Path | None, typer.Option(help="Keep the demo's store here; default: a temporary one.")] = None,
) -> None:
    """See every concern at work against local doubles of the providers; no network needed."""
    try:
        from weir.demo.scenes import main
    except ImportError as error:
        missing = (error.name or "weir.demo").partition(".")[0]
        wanted = "it" if missing == "weir" else f"{missing}, with pip install 'weir[demo]'"
        raise fail("demo", f"this installation lacks what the demo needs; install {wanted}") from None
    raise typer.Exit(main(data))


app.command("run")(run)
app.command("restart")(restart)
app.command("demo")(demo)
app.command("check")(check)
app.command("scan")(scan)
app.command("inspect")(inspect_file)
app.add_typer(dlp.app, name="dlp")
app.command("doctor")(doctor.doctor)
app.command("env")(clients.env)
app.command("exec", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True})(
    clients.execute
)
app.add_typer(redirect.app, name="redirect")
app.add_typer(wireguard.app, name="wireguard")
app.command("serve-setup")(serve_setup)
app.add_typer(ca.app, name="ca")
app.add_typer(keys.app, name="keys")
app.add_typer(identity.app, name="identity")
app.add_typer(audit.app, name="audit")
app.command("report")(report.report)
app.command("discover")(discover)
app.command("providers")(providers)
app.command("tenants")(tenants)
app.add_typer(tokenizers.app, name="tokenizers")
app.add_typer(prices.app, name="prices")
app.command("budgets")(budgets)


def _reflow(group: typer.Typer) -> None:
    # typer keeps the line breaks of a docstring from its second paragraph on, wherever the terminal's own fall.
    for command in group.registered_commands:
        paragraphs = inspect.cleandoc(command.help or (command.callback and command.callback.__doc__) or "")
        command.help = "\n\n".join(" ".join(part.split()) for part in paragraphs.split("\n\n"))
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _reflow(inner.typer_instance)


_reflow(app)


def start(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; whatever goes wrong is told in one line on stderr."""
    try:
        result = app(args=None if arguments is None else list(arguments), prog_name="weir", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except _UsageError as error:
        return _usage(error)
    except typer.Abort:
        sys.stderr.write("weir: interrupted\n")
        return 130
    except MissingFile as error:
        sys.stderr.write(f"weir: {error}\n")
        return 1
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: a traceback would quote whatever the message quotes
        return _unexpected(error)


def _usage(error: Exception) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "weir"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if message:  # none when a group was called without a command: its help is on stdout then
        message = message.replace("Value error, ", "").replace(". Choose from:", "; one of:")
        message = " ".join(message.split()).rstrip(".")
        sys.stderr.write(f"{command}: {message}; see {command} --help\n")
    return 2


def _unexpected(error: Exception) -> int:
    # The message of an exception from anywhere may hold content; its type and place don't.
    if os.environ.get(TRACEBACK):
        for frame in traceback.extract_tb(error.__traceback__):
            sys.stderr.write(f"  {frame.filename}:{frame.lineno} in {frame.name}\n")
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    hint = "" if os.environ.get(TRACEBACK) else f" ({TRACEBACK}=1 shows the way there)"
    sys.stderr.write(f"weir: unexpected {type(error).__name__} at {where}; this is a fault in weir, report it{hint}\n")
    return 1

"""``crsgym`` on a terminal.

Each command is a module of this package, imported when it is called. It has a function of its own
name, which is the command, or ``app``, a ``typer.Typer`` with what typer should know beyond that.
To add one: write ``crsgym/cli/NAME.py`` and name it in ``COMMANDS``.
"""

from __future__ import annotations

import dis
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from crsgym.errors import ConfigurationError, CRSGymError
from crsgym.plugins import unknown

COMMANDS = {
    "envs": "List the environments, and what each is.",
    "data": "List, download, verify and count the data sets.",
    "play": "Be the recommender, against a simulated user.",
    "bench": "Compare agents on one environment, turn by turn.",
    "evaluate": "Evaluate one agent; its episodes can be kept and resumed.",
    "audit": "Audit a simulated user: leaks, accuracy, what its feedback is worth.",
    "train": "Train a retriever, a simulated user or an agent.",
    "view": "Show recorded episodes.",
}

_INTERRUPTED = 130
# Under typer's own copy of click, and under click itself in its older versions.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]


class CommandGroup(TyperGroup):
    """Commands by name, each imported only when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order in which the help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command's name and help without its module: enough to list it."""
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself.

        Raises:
            ConfigurationError: when there is none of that name.
        """
        name = args[0]
        if name.startswith("-"):
            return super().resolve_command(ctx, args)
        if name not in COMMANDS:
            raise unknown("command", name, COMMANDS)
        command = typer.main.get_command(_load(name))
        command.name = name
        return name, command, args[1:]


app = typer.Typer(
    cls=CommandGroup,
    name="crsgym",
    help="Reinforcement-learning environments for conversational recommendation.",
    add_completion=False,
    rich_markup_mode="rich",
)


def _print_version(asked: bool) -> None:
    if asked:
        from crsgym import __version__

        typer.echo(f"crsgym {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    """Reinforcement-learning environments for conversational recommendation."""


def _load(name: str) -> typer.Typer:
    module = importlib.import_module(f"{__name__}.{name}")
    command = getattr(module, "app", None)
    if isinstance(command, typer.Typer):
        return command
    single = typer.Typer(add_completion=False)
    single.command()(getattr(module, name))
    return single


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; what ``crsgym`` on a terminal calls.

    Args:
        argv: arguments without the program's name; those of the process when None.

    Returns:
        0 when it went well, 1 when it failed, 2 when it was asked for wrongly, 130 when it was
        interrupted. A failure is one line on standard error; ``CRSGYM_TRACEBACK=1`` shows more.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # so that module:Class finds what lies in the working directory
    try:
        code = typer.main.get_command(app)(
            args=arguments or ["--help"], prog_name="crsgym", standalone_mode=False
        )
        # Newer versions of typer turn Ctrl-C into this code, and say nothing.
        return _interrupted() if code == _INTERRUPTED else code if isinstance(code, int) else 0
    except typer.Abort as error:
        interrupted = isinstance(error.__cause__ or error.__context__, KeyboardInterrupt)
        return _interrupted() if interrupted else _fail("stopped", 1)
    except KeyboardInterrupt:
        return _interrupted()
    except _UsageError as error:
        return _usage_error(error)
    except (CRSGymError, TypeError, ValueError) as error:
        if os.environ.get("CRSGYM_TRACEBACK") or not _is_ours(error):
            raise
        wrong_request = not isinstance(error, CRSGymError) or isinstance(error, ConfigurationError)
        return _fail(str(error), 2 if wrong_request else 1)
    except OSError as error:
        if os.environ.get("CRSGYM_TRACEBACK") or error.filename is None:
            raise
        return _fail(f"{error.filename}: {error.strerror}", 1)


def _usage_error(error: Exception) -> int:
    """Report a command line that typer refused."""
    shown = cast(Any, error)
    if type(error).__name__ == "NoArgsIsHelpError":
        shown.show()
        return 2
    context = shown.ctx
    hint = f"; try: {context.command_path} --help" if context is not None else ""
    return _fail(shown.format_message().rstrip(".") + hint, 2)


def _is_ours(error: BaseException) -> bool:
    """Whether a ``raise`` of this library made it, rather than a call inside it having failed."""
    if isinstance(error, CRSGymError):
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    raised = trace.tb_frame.f_code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return raised and str(trace.tb_frame.f_globals.get("__name__")).startswith("crsgym.")


def _interrupted() -> int:
    return _fail("interrupted", _INTERRUPTED)


def _fail(message: str, code: int) -> int:
    print("crsgym:", " ".join(message.split()), file=sys.stderr)
    return code


__all__ = ["COMMANDS", "app", "main"]

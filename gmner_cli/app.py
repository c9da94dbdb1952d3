"""The Typer app: registers commands, and turns what goes wrong into messages and exit codes."""

from __future__ import annotations

import importlib
import inspect
import io
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from gmner_cli.commands.config import FILE, Option, load_defaults, read_own, said_by
from gmner_cli.errors import CLOSED_PIPE, DATA_FAILED, INTERRUPTED, GmnerError, foreign, shortened
from gmner_cli.flow.interrupts import watch
from gmner_cli.version import VERSION

COMMANDS = ("prepare", "caption", "pool", "expand", "train", "train-ner", "train-ve", "train-vg", "predict",
            "segment", "score", "view", "recipes", "schema", "trust")
"""In the order of the cascade. Each lives in ``commands/NAME.py`` as a function ``command``."""


class Command(TyperCommand):
    """A command whose errors become one message and an exit code; no traceback unless --debug."""

    def make_context(self, *args: Any, **options: Any) -> Any:  # Click's, where the Typer at hand has it
        try:
            return super().make_context(*args, **options)
        except Exception as problem:  # of the parser's own classes, which Typer says itself
            _shorten(problem)
            raise

    def invoke(self, ctx: Any) -> object:
        debug = bool(ctx.find_root().params.get("debug"))
        try:
            _own_up_to_defaults(self, ctx)
            return super().invoke(ctx)
        except GmnerError as problem:
            if debug:
                raise
            typer.echo(f"gmner {ctx.info_name}: {problem}", err=True)
            raise typer.Exit(problem.exit_code) from None
        except BrokenPipeError:
            _abandon_stdout()
            raise typer.Exit(CLOSED_PIPE) from None
        except KeyboardInterrupt:
            typer.echo(f"gmner {ctx.info_name}: interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort, typer.BadParameter) as problem:
            _shorten(problem)
            raise
        except Exception as problem:
            if debug:
                raise
            typer.echo(f"gmner {ctx.info_name}: {foreign(problem) or _unexpected(problem)}", err=True)
            raise typer.Exit(DATA_FAILED) from None


def _shorten(problem: Any) -> None:
    if isinstance(text := getattr(problem, "message", None), str):
        problem.message = shortened(text)


def _own_up_to_defaults(command: Command, ctx: typer.Context) -> None:
    """Say that the file in the working directory has a say, and refuse what it must not. Not reached by
    --help."""
    used = {name for name in ctx.default_map or {} if said_by(ctx, name) == "DEFAULT_MAP"}
    if used:
        from gmner_cli.commands.distrust import refuse_untrusted
        from gmner_cli.commands.trusted import Trust

        typer.echo(f"gmner {ctx.info_name}: defaults from ./{FILE}", err=True)
        refuse_untrusted(
            ctx.info_name or "", {
                name: ctx.params[option.parameter]
                for name, option in _options(command).items()
                if option.parameter in used
            }, ctx.obj, Trust(Path(typer.get_app_dir("gmner"))))


def _unexpected(problem: Exception) -> str:
    import sysconfig

    what = shortened(f"unexpected {type(problem).__name__}: {problem}")
    installed = {
        Path(folder).resolve() for folder in (str(Path(__file__).parent), *sysconfig.get_paths().values())
    }
    own = [
        frame for frame in traceback.extract_tb(problem.__traceback__) if not frame.filename.startswith("<")
        and not installed.intersection(Path(frame.filename).resolve().parents)
    ]
    if own:  # a model of the user's own, or what it called
        return (f"{what}\n  in {own[-1].filename}:{own[-1].lineno}, {own[-1].name}\n"
                "  hint: `gmner --debug ...` shows the whole traceback")
    return f"{what}\n  hint: run again with `gmner --debug ...` and report the traceback"


def summary(function: Callable) -> str:
    """The first sentence of a command's help."""
    first = " ".join(inspect.cleandoc(function.__doc__ or "").split("\n\n")[0].split())
    return first.split(". ")[0].rstrip(".")


def build() -> typer.Typer:
    """The app with all commands registered. Importing a command module must not import torch."""
    app = typer.Typer(name="gmner", help=__doc_of_app__, rich_markup_mode=None, no_args_is_help=True,
                      pretty_exceptions_enable=False, add_completion=True,
                      context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
    app.callback()(root)
    for name in COMMANDS:
        module = importlib.import_module(f"gmner_cli.commands.{name.replace('-', '_')}")
        app.command(name, cls=Command, short_help=summary(module.command))(module.command)
    return app


__doc_of_app__ = """Find every named entity of a social-media post, and the thing itself in its picture.

Every command reads and writes JSON Lines, one post a line; "-" is stdin or stdout.

\b
Examples:
  gmner predict --images photos/ --texts posts.jsonl -o found.jsonl
  gmner score found.jsonl gold.jsonl
  gmner view found.jsonl --images photos/ -o page.html
"""


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gmner {VERSION}")
        raise typer.Exit


def root(
    ctx: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True,
                                          help="Show the version and leave.")] = False,
) -> None:
    # gmner.yaml sits below environment and flags, which is where Click keeps its default map.
    commands = ctx.command.commands  # type: ignore[attr-defined]
    try:
        try:
            here = Path.cwd()
        except FileNotFoundError:
            raise GmnerError("the working directory is no longer there", hint="change into one that is, as "
                                                                              "with `cd`") from None
        ctx.obj = read_own(here)
        ctx.default_map = load_defaults({name: _options(command) for name, command in commands.items()},
                                        ctx.obj)
    except GmnerError as problem:
        typer.echo(f"gmner: {problem}", err=True)
        raise typer.Exit(problem.exit_code) from None


root.__doc__ = __doc_of_app__


def _options(command: TyperCommand) -> dict[str, Option]:
    """Long options of a command, without the dashes in front."""
    return {spelling.lstrip("-"): Option(p.name, getattr(p, "multiple", False), getattr(p, "is_flag", False))
            for p in command.params for spelling in p.opts if spelling.startswith("--")}


def main() -> None:
    """Run the command line and leave with its exit code."""
    if sys.stderr is None:  # closed by whoever started us; print would take stdout instead
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # help, tables: what a terminal's encoding lacks is escaped
            stream.reconfigure(errors="backslashreplace")
    watch()
    try:
        build()()
    except SystemExit as leaving:
        code = leaving.code
    except Exception as problem:  # by a command under --debug, before one began, or --help to a full disk
        if "--debug" in sys.argv and not isinstance(problem, OSError):
            raise
        typer.echo(f"gmner: {foreign(problem) or _unexpected(problem)}", err=True)
        code = DATA_FAILED
    sys.exit(_flush(code))


def _flush(code: str | int | None) -> str | int | None:
    """Hand over what is still in stdout's buffer; the exit code, changed when that fails.

    The interpreter's own last flush would print a traceback and exit with 120.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError) as problem:
        _abandon_stdout()
        if not code:
            closed = isinstance(problem, BrokenPipeError)
            if not closed:
                typer.echo(f"gmner: stdout: cannot write: {problem}", err=True)
            return CLOSED_PIPE if closed else DATA_FAILED
    return code


def _abandon_stdout() -> None:
    """Point stdout at nothing, so that what cannot be written is forgotten."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

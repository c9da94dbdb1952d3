"""Man pages, made from the commands' own docstrings and options: ``python -m gmner_cli.manual man/``.

Read from the functions' signatures and not from rendered help, whose looks
change from one Typer release to the next.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from typer.models import ArgumentInfo, OptionInfo

from gmner_cli.app import COMMANDS, root, summary
from gmner_cli.errors import CLOSED_PIPE, DATA_FAILED, INTERRUPTED, SOME_FAILED, WRONG_USAGE
from gmner_cli.version import VERSION

EXIT_CODES = {0: "done", DATA_FAILED: "the data or the run failed", WRONG_USAGE: "wrong usage",
              SOME_FAILED: 'finished, but some records failed; they carry an "error" field',
              INTERRUPTED: "interrupted", CLOSED_PIPE: "the reader of the output went away"}


@dataclass(frozen=True)
class Parameter:
    """An argument or option: how it is written, and what is said of it."""

    spelling: str
    is_option: bool
    text: str


def pages() -> dict[str, str]:
    """File name to roff source: gmner.1 and gmner-COMMAND.1 for every command."""
    functions = {
        name: importlib.import_module(f"gmner_cli.commands.{name.replace('-', '_')}").command
        for name in COMMANDS
    }
    found = {"gmner.1": _page("gmner", "gmner", root, functions)}
    for name, function in functions.items():
        found[f"gmner-{name}.1"] = _page(f"gmner-{name}", f"gmner {name}", function, {})
    return found


def parameters(function: Callable) -> list[Parameter]:
    """The command's parameters, in the order of its signature."""
    hints = typing.get_type_hints(function, include_extras=True)
    return [
        _parameter(name, hints[name], parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if any(isinstance(m, (OptionInfo, ArgumentInfo)) for m in getattr(hints[name], "__metadata__", ()))
    ]


def _parameter(name: str, hint: typing.Any, default: typing.Any) -> Parameter:
    info = next(m for m in hint.__metadata__ if isinstance(m, (OptionInfo, ArgumentInfo)))
    kind = hint.__origin__
    for inner in typing.get_args(kind):  # "Literal[...] | None"
        kind = inner if typing.get_origin(inner) is typing.Literal else kind
    if isinstance(kind, type) and issubclass(kind, Enum):
        choices = [choice.value for choice in kind]
    else:
        choices = list(typing.get_args(kind)) if typing.get_origin(kind) is typing.Literal else []
    metavar = info.metavar or "|".join(choices) or name.upper().replace("_", "-")
    facts = []
    if isinstance(info, OptionInfo) and default is inspect.Parameter.empty:
        facts.append("required")
    if isinstance(default, (str, int, float)) and not isinstance(default, bool):
        facts.append(f"default: {default.value if isinstance(default, Enum) else default}")
    if info.envvar:
        facts.append(f"environment: {info.envvar}")
    text = f"{info.help or ''} [{'; '.join(facts)}]" if facts else info.help or ""
    if isinstance(info, ArgumentInfo):
        return Parameter(metavar, False, text)
    # In an Annotated, Typer keeps the first spelling where the default would be.
    spellings = [
        s for s in (info.default, *(info.param_decls or ())) if isinstance(s, str) and s.startswith("-")
    ]
    names = ", ".join(spellings or [f"--{name.replace('_', '-')}"]).replace("/", ", ")
    return Parameter(names if kind is bool else f"{names} {metavar}", True, text)


def _page(title: str, path: str, function: Callable, subcommands: dict[str, Callable]) -> str:
    found = parameters(function)
    arguments, options = ([p for p in found if p.is_option is wanted] for wanted in (False, True))
    usage = " ".join(
        ["[OPTIONS]", *(p.spelling for p in arguments), *(["COMMAND [ARGS]..."] if subcommands else [])])
    lines = [
        f'.TH "{title.upper()}" "1" "" "gmner {VERSION}" "gmner manual"', ".SH NAME",
        f"{_escape(title)} \\- {_escape(summary(function))}", ".SH SYNOPSIS", f".B {_escape(path)}",
        _escape(usage), ".SH DESCRIPTION", *_body(function.__doc__ or "")
    ]
    if subcommands:
        lines.append(".SH COMMANDS")
        for name, inner in subcommands.items():
            lines += [".TP", f"\\fBgmner\\-{_escape(name)}\\fR(1)", _escape(summary(inner))]
    for heading, rows in (("ARGUMENTS", arguments), ("OPTIONS", options)):
        if rows:
            lines.append(f".SH {heading}")
        for row in rows:
            lines += [".TP", f"\\fB{_escape(row.spelling)}\\fR", _escape(row.text)]
    lines.append(".SH EXIT STATUS")
    for code, meaning in EXIT_CODES.items():
        lines += [".TP", f"\\fB{code}\\fR", _escape(meaning)]
    others = ["gmner"] if title != "gmner" else [f"gmner-{name}" for name in subcommands]
    lines += [".SH SEE ALSO", ", ".join(f"\\fB{_escape(o)}\\fR(1)" for o in others)]
    return "\n".join(lines) + "\n"


def _body(text: str) -> Iterator[str]:
    """Paragraphs; one that begins with a backspace mark is set as it stands."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            yield from [".PP", ".nf", *map(_escape, paragraph[1:].strip("\n").split("\n")), ".fi"]
        else:
            yield from [".PP", _escape(" ".join(paragraph.split()))]


def _escape(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "man")
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

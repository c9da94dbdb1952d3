"""Man pages, made from the commands' own help: ``python -m gmner_cli.manual man/``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from gmner_cli import __version__
from gmner_cli.app import build
from gmner_cli.errors import CLOSED_PIPE, DATA_FAILED, INTERRUPTED, SOME_FAILED, WRONG_USAGE

EXIT_CODES = {0: "done", DATA_FAILED: "the data or the run failed", WRONG_USAGE: "wrong usage",
              SOME_FAILED: 'finished, but some records failed; they carry an "error" field',
              INTERRUPTED: "interrupted", CLOSED_PIPE: "the reader of the output went away"}


def pages() -> dict[str, str]:
    """File name to roff source: gmner.1 and gmner-COMMAND.1 for every command."""
    group = typer.main.get_command(build())
    context = group.make_context("gmner", [], resilient_parsing=True)
    found = {"gmner.1": _page("gmner", group, context, group.commands)}
    for name, command in group.commands.items():
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        found[f"gmner-{name}.1"] = _page(f"gmner-{name}", command, inner, {})
    return found


def _page(title: str, command, context, subcommands) -> str:
    summary = command.get_short_help_str(limit=200).rstrip(".")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f'.TH "{title.upper()}" "1" "" "gmner {__version__}" "gmner manual"', ".SH NAME",
             f"{_escape(title)} \\- {_escape(summary)}", ".SH SYNOPSIS", f".B {_escape(context.command_path)}", _escape(usage),
             ".SH DESCRIPTION", *_body(command.help or "")]
    if subcommands:
        lines.append(".SH COMMANDS")
        for name, inner in subcommands.items():
            lines += [".TP", f"\\fBgmner\\-{_escape(name)}\\fR(1)", _escape(inner.get_short_help_str(limit=200))]
    rows = [record for p in command.get_params(context) if (record := p.get_help_record(context))]
    lines.append(".SH OPTIONS")
    for names, text in rows:
        lines += [".TP", f"\\fB{_escape(names)}\\fR", _escape(text)]
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

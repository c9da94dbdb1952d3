"""``gmner schema``: the fields of the record."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from gmner_cli.commands.options import stdout_holds


def command(
    as_json: Annotated[bool, typer.Option("--json", help="JSON Schema (2020-12), for programs.")] = False,
) -> None:
    """Show the fields of a record: type, meaning, and who fills them.

    Every command reads and writes such records, one a line. A field that is absent means
    "not assessed yet". Fields that do not stand here pass through untouched.

    \b
    Examples:
      gmner schema
      gmner schema --json > schema.json
    """
    from shutil import get_terminal_size

    from gmner_cli.records import field_table

    if as_json:
        content = field_table.schema()
        text = json.dumps(content, indent=2, ensure_ascii=False)
        typer.echo(text if stdout_holds(text) else json.dumps(content, indent=2))
        return
    typer.echo(field_table.table(get_terminal_size().columns - 1), nl=False)

"""``gmner trust``: let a folder's gmner.yaml read from outside that folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gmner_cli.errors import UsageError, printable

if TYPE_CHECKING:
    from gmner_cli.commands.config import OwnFile


def command(
    place: Annotated[Path,
                     typer.Argument(metavar="[FOLDER|FILE]", help="A folder with a gmner.yaml, or one "
                                    "such file, or a recipe.")] = Path("."),
    listed: Annotated[
        bool,
        typer.Option("--list", help="List what is trusted, and whether it still is what it was.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Trust it no longer.")] = False,
) -> None:
    """Trust a gmner.yaml: what it has commands read may then lie outside its folder. Look into it first.

    A gmner.yaml in the working directory holds your own defaults: options as they are typed,
    without the dashes ("device: cuda"), for all commands or in a section named after one. They
    stand below GMNER_ variables (GMNER_DEVICE=cuda) and below what is typed.

    A gmner.yaml may come with a folder of somebody else's, so by itself it may point
    only to what lies beside it, links resolved. A trusted one, and the recipes it names,
    may point anywhere, until a byte of them changes. Never may any of them say what is
    written, which server is asked, or whose code runs: that is typed, or is in a variable.

    What is trusted is kept, by path and sha256, in trusted.json of your own configuration.
    GMNER_TRUST=1 trusts whatever lies in the folder that a command runs in.

    \b
    Examples:
      gmner trust
      gmner trust ~/project
      gmner trust --list
      gmner trust --forget ~/project
    """
    from gmner_cli.commands.config import FILE, read_own
    from gmner_cli.commands.distrust import recipes_named
    from gmner_cli.commands.trusted import Trust, digest
    from gmner_cli.files.bounded import read_regular
    from gmner_cli.files.plain_yaml import MOST_BYTES

    def content(path: Path) -> bytes | None:
        try:
            return read_regular(path, MOST_BYTES)
        except OSError:
            return None

    trust = Trust(Path(typer.get_app_dir("gmner")))
    if listed:
        for name, sha256 in trust.listed().items():
            found = content(Path(name))
            state = "gone" if found is None else "trusted" if digest(
                found) == sha256 else "changed, so not trusted"
            typer.echo(f"{printable(name)}: {state}")
        return
    path = place / FILE if os.path.isdir(place) else place
    if forget:
        said = "is trusted no longer" if trust.forget(path) else "was not trusted"
        typer.echo(f"gmner trust: {printable(str(path))} {said}", err=True)
        return
    if not os.path.lexists(path):
        raise UsageError("there is nothing to trust here" if os.path.isdir(place) else "no such file",
                         where=printable(str(path)))
    path = Path(os.path.abspath(path))
    own = read_own(path.parent) if path.name == FILE else None
    for file in (path, *(_in_its_folder(recipes_named, own) if own else ())):
        found = content(file)
        if found is None:
            raise UsageError("is not a file that can be read", where=printable(str(file)))
        trust.add(file, found if own is None or file != path else own.raw)
        typer.echo(f"gmner trust: {printable(str(file))} is trusted as it is now", err=True)


def _in_its_folder(find: Callable[[OwnFile], list[Path]], own: OwnFile) -> list[Path]:
    """Absolute paths of what ``find`` finds: names in a gmner.yaml are meant from its folder, where commands
    read it."""
    before = Path.cwd()
    os.chdir(own.path.parent)
    try:
        return [Path(os.path.abspath(path)) for path in find(own)]
    finally:
        os.chdir(before)

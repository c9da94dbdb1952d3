"""Help and man pages: present for every command, with examples that are spelled right, and current."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer

from gmner_cli.app import COMMANDS, build
from gmner_cli.manual import pages, parameters

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def group():
    return typer.main.get_command(build())


def test_man_pages_are_what_the_help_says():
    """If this fails: python -m gmner_cli.manual man"""
    made = pages()
    assert set(made) == {p.name for p in (ROOT / "man").glob("*.1")}
    for name, text in made.items():
        assert (ROOT / "man" / name).read_text(encoding="utf-8") == text, name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_whose_options_exist(name, group):
    help_text = group.commands[name].help
    examples = re.findall(r"^\s*(?:echo .* \| )?(gmner .*)$", help_text, re.M)
    assert examples, f"{name} shows no example"
    for example in examples:
        for part in example.split("|"):
            words = shlex.split(part.split(">")[0])
            if words[:1] != ["gmner"]:
                continue
            command = group.commands[words[1]]
            known = {o for p in command.params for o in [*p.opts, *p.secondary_opts]}
            for word in words[2:]:
                if word.startswith("-") and word != "-":
                    assert word in known, f"{word} in: {example}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_parameter_is_explained(name, group):
    explained = parameters(importlib.import_module(f"gmner_cli.commands.{name.replace('-', '_')}").command)
    assert len(explained) == len([p for p in group.commands[name].params if p.name != "help"])
    for parameter in explained:
        assert parameter.text.strip(), parameter.spelling

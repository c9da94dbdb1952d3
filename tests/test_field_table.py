"""`gmner schema`: every field of the record is explained, for people and for programs."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from gmner_cli.app import COMMANDS, build
from gmner_cli.records import Entity, Post, Record, field_table
from tests.conftest import ROOT


def _run(*args, width=80):
    done = CliRunner().invoke(build(), ["schema", *args], env={"COLUMNS": str(width)})
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_every_field_of_every_record_is_explained():
    found = {(field.record, field.name): field for field in field_table.fields()}
    kinds = field_table.record_types()
    names = {kind.__name__ for kind in kinds}
    assert names >= {"Post", "Entity", "Mask", "Expansion", "Knowledge", "Proposal"}
    assert set(found) == {(kind.__name__, name) for kind in kinds
                          for name in kind.__struct_fields__ if name != "extra"}
    for field in found.values():
        assert field.meaning.endswith(".") and field.type and field.filled_by
        for command in re.findall(r"`([a-z-]+)", field.filled_by):
            assert command in COMMANDS, field


class Bare(Record):
    """A record of which one field is not explained."""

    told: int | None = None
    """What it is. Filled by you."""
    untold: int | None = None


class Half(Record):
    """A record whose field does not say who fills it."""

    told: int | None = None
    """What it is."""


@pytest.mark.parametrize(("kind", "name"), [(Bare, "Bare.untold"), (Half, "Half.told")])
def test_a_field_that_is_not_explained_is_found(kind, name):
    with pytest.raises(ValueError, match=name):
        field_table.fields([kind])


@pytest.mark.parametrize("width", [1, 80, 200])
def test_the_table_has_every_field_and_keeps_to_its_width(width):
    shown = _run(width=width)
    assert max(map(len, shown.splitlines())) <= max(60, width - 1)
    words = " ".join(shown.split())
    for field in field_table.fields():
        kind = f"{field.type}, required" if field.required else field.type
        assert f"{field.name} {kind} {field.meaning} Filled by" in words


def test_the_json_schema_describes_every_property():
    schema = json.loads(_run("--json"))
    assert set(schema["$defs"]) == {kind.__name__ for kind in field_table.record_types()}
    for name, definition in schema["$defs"].items():
        assert definition["description"] and definition["additionalProperties"] is True
        assert all(entry["description"] for entry in definition["properties"].values()), name
    assert set(schema["$defs"]["Post"]["properties"]) == set(Post.__struct_fields__) - {"extra"}
    assert set(schema["$defs"]["Post"]["required"]) == {"id", "text"}


def test_the_sample_data_holds_no_field_that_the_table_lacks():
    known = {(field.record, field.name) for field in field_table.fields()}
    for line in (ROOT / "sample_data" / "gold.jsonl").read_text().splitlines():
        post = json.loads(line)
        assert {("Post", name) for name in post} <= known
        assert {("Entity", name) for entity in post["entities"] for name in entity} <= known


@pytest.mark.parametrize(("hint", "words"), [
    (Post.__annotations__["image_size"], "array of 2 whole numbers"),
    (Entity.__annotations__["boxes"], "list of arrays of 4 numbers")])
def test_types_are_said_in_words(hint, words):
    import gmner_cli.records as module

    assert field_table.in_words(eval(hint, vars(module))) == words  # noqa: S307 - an annotation of our own

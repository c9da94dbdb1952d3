"""The record: one post with its entities, as every command reads and writes it.

Every field says below it what it means and, last, who fills it: `gmner schema` prints that.

Spans are the key; nothing is ever joined by an entity's text. A field that is
``None`` here is absent in the file and means "not assessed yet"; an empty list
of boxes means "assessed, and the picture does not show it".

Names of files (``image``, the pictures made from text, crops, and the annotation files of data sets) follow
one rule, that of ``inside``: the name, ".." reckoned with, stays inside its folder as it is written; a
symbolic link there may lead out of it only with --follow-links or GMNER_FOLLOW_LINKS=1, never by
``gmner.yaml``, and then only to a regular file.
"""

from gmner_cli.records.consistency import check_box, token_offsets
from gmner_cli.records.post import (
    ABSTAINED,
    Box,
    Entity,
    Expansion,
    Generated,
    Knowledge,
    Mask,
    Post,
    Proposal,
    json_schema,
)
from gmner_cli.records.record import Record, id_text

__all__ = [
    "ABSTAINED",
    "Box",
    "Entity",
    "Expansion",
    "Generated",
    "Knowledge",
    "Mask",
    "Post",
    "Proposal",
    "Record",
    "check_box",
    "id_text",
    "json_schema",
    "token_offsets",
]

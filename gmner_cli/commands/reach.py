"""What each option reaches: the one table that says which of them ``gmner.yaml`` may set.

Every long option of every command stands here; tests/test_trust.py fails for one that does not, and
``gmner.yaml`` may not set it. A name means the same in all commands unless "COMMAND.NAME" says otherwise.
"""

from __future__ import annotations

from enum import Enum


class Reach(str, Enum):
    """What an option's value can do."""

    writes = "says what is written"
    server = "has posts sent to a server"
    links = "lets symbolic links lead out of folders"
    unknown = "sets what is not known to be harmless"
    reads = "names files or folders that are read: PATH or NAME=PATH"
    recipe = "names a recipe, which is looked into"
    changes = "gives values of a recipe, KEY=VALUE"
    llm = "names a language model: KIND, KIND:PATH, or a server's"
    plain = "is a number, a name or a switch"


NEVER = frozenset({Reach.writes, Reach.server, Reach.links, Reach.unknown})
"""What ``gmner.yaml`` may not do, trusted or not."""

_OPTIONS = {
    Reach.writes: "out overwrite store trust.list trust.forget",
    Reach.server: "base-url",
    Reach.links: "follow-links",
    Reach.reads: "against boxes cascade dev from gold images init model ner never pool posts prompt "
                 "similar-by source texts ve vg weights",
    Reach.recipe: "recipe",
    Reach.changes: "set",
    Reach.llm: "llm",
    Reach.plain: "batch-size captions check column detailed device examples examples-fixed fix ignore-extra "
                 "iou jobs json label-map limit "
                 "match max-new-tokens max-tokens offline on-missing-image orphans per-minute precision "
                 "quality resume seed sheet small "
                 "table task temperature test threads title train window "
                 "caption.prompt expand.source predict.gold prepare.dev prepare.set",
}
_REACH = {name: reach for reach, names in _OPTIONS.items() for name in names.split()}


def reach(name: str, command: str = "") -> Reach:
    """What the option ``name`` (as typed, without dashes in front) of ``command`` reaches."""
    return _REACH.get(f"{command}.{name}") or _REACH.get(name, Reach.unknown)

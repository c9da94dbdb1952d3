"""What a data set holds that a user should know: every oddity counted, located, none silently dropped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """``problem``: --check stops at it. ``fatal``: no valid file can be written while it is not mended."""

    meaning: str
    problem: bool = True
    fatal: bool = False


KINDS: dict[str, Kind] = {
    "malformed_line": Kind("a line is not TOKEN<tab>TAG as the data set declares; --fix keeps its word",
                           fatal=True),
    "unknown_tag": Kind(
        "a tag is none of the file's scheme or of no declared type; its word is read as O, which loses "
        "the tag: --label-map OLD=NEW names the type", fatal=True),
    "tag_scheme": Kind("the file is in another scheme than TOKEN and an IOB2 tag", problem=False),
    "scheme_doubt": Kind("the tags can be read in several ways"),
    "unended_entity": Kind(
        "an entity lacks the mark of its end that its scheme asks for; it ends at its last tag"),
    "comment_line": Kind("comments, as CoNLL-U has them, are not read", problem=False),
    "duplicate_id": Kind(
        "an id stands twice in one split; --fix drops an equal copy, or renames a post that differs",
        fatal=True),
    "empty_post": Kind("a post has no tokens"),
    "empty_split": Kind("a file has no posts"),
    "orphan_tag": Kind("an I- tag continues nothing; --fix lets it start an entity"),
    "fine_tag_differs": Kind("coarse and fine column disagree about an entity; the coarse span is kept"),
    "broken_annotation": Kind(
        "an XML or JSON file, or an object in it, cannot be read; its boxes are left unassessed"),
    "annotation_without_post": Kind("an XML or JSON file belongs to no post of any split"),
    "foreign_annotation": Kind("an XML or JSON file names another picture than its own id"),
    "region_file_name": Kind("an XML file names ID_region.jpg: a working copy of the annotators",
                             problem=False),
    "unusable_span": Kind("a marked span does not stand in its text; --fix leaves it out, which loses it",
                          fatal=True),
    "unusable_entry": Kind(
        "an entry of the file is not what the format declares; --fix leaves it out, which loses it",
        fatal=True),
    "other_offsets": Kind(
        "the file counts characters as UTF-16 does or in bytes, or includes the last one; the records do not",
        problem=False),
    "unsure_offsets": Kind(
        "nothing tells how the file counts characters beyond the basic plane; code points are assumed"),
    "several_types": Kind("a span or box has several types; the first is taken"),
    "not_used": Kind("something of the export that the records have no place for", problem=False),
    "image_path": Kind("a picture is called by its own name, without the folder or address of the file",
                       problem=False),
    "proposals": Kind("boxes of a post without entities are kept as proposals", problem=False),
    "box_without_entity": Kind(
        "a box carries a name that no entity of its post has; --fix joins near misses"),
    "repeated_name": Kind("a name stands more than once in a post; each of them gets the boxes",
                          problem=False),
    "degenerate_box": Kind(
        "a box or mask without area; it is left out, which is no mending (--fix reorders swapped corners)"),
    "box_outside": Kind("a box reaches beyond the picture; --fix clips it"),
    "mask_outside": Kind("an outline reaches beyond the picture; the mask ends at its edge", problem=False),
    "unknown_shape": Kind("a shape without an area or of an unknown form; its entity is left unassessed"),
    "ambiguous_annotation": Kind(
        "several files are of one post and say different things; its boxes are left unassessed"),
    "file_encoding": Kind("an XML file is in another encoding than it declares", problem=False),
    "missing_image": Kind("the picture is not in --images; --fix sets image to null; meta keeps its name"),
    "broken_image": Kind("the picture cannot be opened; --fix sets image to null; meta keeps its name"),
    "size_differs": Kind(
        "annotation and picture differ in size; --fix rescales boxes of the same aspect ratio"),
    "id_in_two_splits": Kind("a post stands in two splits, by id"),
    "text_in_two_splits": Kind("a post stands in two splits under two ids, by text"),
    "leak": Kind("a train or dev post stands in another data set's test split: never evaluate there"),
    "unread_neighbour": Kind("a data set beside the source cannot be read, so its leaks are unknown",
                             problem=False),
    "label_renamed": Kind("a type goes by another name in the records than in the file", problem=False),
}


@dataclass(frozen=True)
class Finding:
    """One oddity. ``where`` is file:line, a file or a post id.

    ``fixed``: --fix mended it, and nothing was lost. ``lossy``: --fix can only
    go on without something that the data says, so it stays a problem.
    """

    kind: str
    where: str
    message: str
    fixed: bool = False
    lossy: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (" [fixed]" if self.fixed else "")


@dataclass
class Report:
    """All findings of one data set, in the order they were met."""

    findings: list[Finding] = field(default_factory=list)
    schemes: dict[str, str] = field(default_factory=dict)
    """The tag scheme of every file that was read."""

    def add(self, kind: str, where: object, message: str, *, fixed: bool = False,
            lossy: bool = False) -> None:
        """Note a finding. Raises KeyError for a kind that is not in KINDS."""
        KINDS[kind]
        self.findings.append(Finding(kind, str(where), message, fixed, lossy))

    def of(self, kind: str) -> list[Finding]:
        """The findings of one kind."""
        return [f for f in self.findings if f.kind == kind]

    def counts(self, *, fixed: bool | None = None) -> dict[str, int]:
        """Findings by kind, in the order of KINDS; ``fixed`` restricts to mended or unmended ones."""
        tally = Counter(f.kind for f in self.findings if fixed is None or f.fixed == fixed)
        return {kind: tally[kind] for kind in KINDS if tally[kind]}

    def problems(self) -> list[Finding]:
        """What --check stops at: problems that are not fixed."""
        return [f for f in self.findings if KINDS[f.kind].problem and not f.fixed]

    def fatal(self) -> list[Finding]:
        """What keeps a valid file from being written at all."""
        return [f for f in self.findings if KINDS[f.kind].fatal and not f.fixed]

    def lost(self) -> list[Finding]:
        """What --fix could not mend without loss; the records lack it."""
        return [f for f in self.fatal() if f.lossy]

    def to_builtins(self) -> dict[str, Any]:
        """The JSON form: counts first, then every finding under its kind."""
        return {
            "problems": len(self.problems()),
            "counts": self.counts(),
            "fixed": self.counts(fixed=True),
            "schemes": self.schemes,
            "findings": {
                kind: {
                    "meaning": KINDS[kind].meaning,
                    "items": [{"where": f.where, "message": f.message, "fixed": f.fixed, "lossy": f.lossy}
                              for f in self.of(kind)]
                }
                for kind in self.counts()
            },
        }

"""The tag schemes of CoNLL files: which one a file is written in, and its tags in one form.

A tag is O, or a type with a mark of its place: B begins, I or M goes on, E or L
ends, S, U or W stands alone. ``B-PER``, ``B_PER``, ``PER-B`` and lower case are
read alike. The one form is ``O``, ``B-TYPE``, ``I-TYPE``, ``E-TYPE``, ``S-TYPE``.

A scheme is a property of a whole file: one tag alone does not tell IOB1 from
IOB2, nor the type "E-commerce" from the end of a "commerce".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from gmner_cli.errors import did_you_mean

_ROLES = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "W": "S"}
_SCHEMES = {"IOE": "IE", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES", "BMEWO": "BMEW"}
"""The marks of the schemes that mark ends, O left out. BIOES is IOBES, BILOU is BILUO, BMES is BMEOS; in IOE,
1 and 2, an I may begin."""

# Word processors make a longer dash of "-"; "B/PER" and "B:PER" are met, too.
_PREFIX = re.compile(r"(?P<mark>[BIESLUMW])\s*[-_/:\u2010-\u2015\u2212]\s*(?P<type>\S.*)",
                     re.IGNORECASE | re.DOTALL)
_SUFFIX = re.compile(r"(?P<type>.*\S)\s*[-_]\s*(?P<mark>[BIESLUMW])", re.IGNORECASE | re.DOTALL)


_SEVERAL = re.compile(r"[|,;+&]\s*[BIESLUMW][-_]\S")
_EDGES = re.compile("^[\\s\u200b-\u200f\u2060\ufeff]+|[\\s\u200b-\u200f\u2060\ufeff]+$")


Form = Literal["prefix", "suffix", "plain"]


@dataclass(frozen=True)
class Scheme:
    """How the tags of one column of one file are written.

    ``form``: where the mark stands; "plain" is a type alone. ``starts``: an I
    may begin an entity. ``ends``: the last token of an entity carries a mark of
    its own. ``doubts``: what a user should look at.
    """

    name: str = "IOB2"
    form: Form = "prefix"
    starts: bool = False
    ends: bool = False
    doubts: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return {
            "prefix": self.name, "suffix": f"{self.name}, the mark last (PER-B)",
            "plain": f"{self.name} without marks"
        }[self.form]

    def read(self, tag: str, labels: Collection[str] | None) -> str:
        """``tag`` in the one form. Raises ValueError for what is no tag of a declared type (None: any).

        A type in other case than the declared one is the declared one.
        """
        tag = _bare(tag)
        if tag in ("O", "o"):
            return "O"
        if _SEVERAL.search(tag):
            raise ValueError(f"{tag[:80]!r} is more than one tag")
        if self.form == "plain":
            role, kind = "I", tag
        else:
            found = (_PREFIX if self.form == "prefix" else _SUFFIX).fullmatch(tag)
            if not found:
                raise ValueError(f"{tag[:80]!r} is not a tag of {self} (O, or a mark and a type)")
            role, kind = _ROLES[found["mark"].upper()], found["type"]
        if labels is not None and kind not in labels:
            same = [label for label in labels if label.casefold() == kind.casefold()]
            if len(same) != 1:
                raise ValueError(f"unknown type {kind[:80]!r}; {did_you_mean(kind, labels)}; name it with "
                                 "--label-map "
                                 f"{kind[:80]}=NEW, or leave it out with --label-map {kind[:80]}=O")
            kind = same[0]
        return f"{role}-{kind}"

    def read_all(self, tags: Sequence[str],
                 labels: Collection[str] | None) -> tuple[list[str], dict[int, str]]:
        """The tags of one post in the one form, and the reasons by position; what cannot be read is O."""
        found, reasons = [], {}
        for at, tag in enumerate(tags):
            try:
                found.append("O" if tag == "O" else self.read(tag, labels))
            except ValueError as reason:
                found.append("O")
                reasons[at] = str(reason)
        if self.starts:
            for at, (before, tag) in enumerate(pairwise(["O", *found])):
                if tag[0] in "IE" and not _goes_on(before, tag):
                    found[at] = ("B" if tag[0] == "I" else "S") + tag[1:]
        return found, reasons


def detect(posts: Sequence[Sequence[str]], *, free: bool = False) -> Scheme:
    """The scheme that the tags of a file are written in.

    ``free``: the file may be IO or IOB1, where an I- begins an entity, or hold
    types without any mark; otherwise marks B and I alone are IOB2.
    """
    tally: Counter[str] = Counter()
    for tag, count in Counter(tag for tags in posts for tag in tags).items():
        tally[_bare(tag)] += count
    outside = tally.pop("O", 0) + tally.pop("o", 0)
    prefixed, suffixed = ({tag: m
                           for tag in tally
                           if (m := form.fullmatch(tag))}
                          for form in (_PREFIX, _SUFFIX))
    weights = [sum(tally[tag] for tag in found) for found in (prefixed, suffixed)]
    if not any(weights):
        plain = free and outside and any(tally) and not tally.keys() & {*"BIESLUMW"}
        return Scheme("IO", "plain", starts=True) if plain else Scheme()
    form: Form = "suffix" if weights[1] > weights[0] else "prefix"
    found = suffixed if form == "suffix" else prefixed
    marks: Counter[str] = Counter()
    for tag, match in found.items():
        marks[match["mark"].upper()] += tally[tag]
    bare = tally.keys() - found.keys()
    if free and outside and bare and not marks.keys() & {"B", "I"}:
        return Scheme("IO", "plain", starts=True, doubts=[
            f"{', '.join(sorted(found)[:5])} could be a type with a mark, but others have none: all are read "
            "as whole types"])
    if marks.keys() <= {"B", "I"}:
        name = _without_ends(posts, form) if free else "IOB2"
        return Scheme(name, form, starts=name != "IOB2")
    return _with_ends(posts, form, marks)


def _without_ends(posts: Sequence[Sequence[str]], form: Form) -> str:
    """IO, IOB1 or IOB2: what tells them is whether a B stands only where the entity before would go on."""
    between, begins, orphans = 0, 0, 0
    for tags in _rough(posts, Scheme(form=form)):
        for before, tag in pairwise(["O", *tags]):
            continues = before != "O" and before[2:] == tag[2:]
            between += tag[0] == "B" and continues
            begins += tag[0] == "B" and not continues
            orphans += tag[0] == "I" and not continues
    if not begins and not between:
        return "IO"
    return "IOB1" if orphans and not begins else "IOB2"


def _with_ends(posts: Sequence[Sequence[str]], form: Form, marks: Counter[str]) -> Scheme:
    used = ", ".join(f"{mark} {count}" for mark, count in sorted(marks.items()))
    doubts = []
    name = next((name for name, own in _SCHEMES.items() if marks.keys() <= set(own)), "a mixture")
    if name == "a mixture":
        doubts.append(f"marks of several schemes stand in one file ({used}); each is read as what it is in "
                      "its own")
    if not marks.keys() & {"B", "I"}:
        doubts.append(f"only the marks {used} and never B or I: they are read as places in an entity, "
                      "which is wrong if they belong to the names of the types")
    ended, open_ = 0, 0
    for tags in _rough(posts, Scheme(form=form)):
        ended += sum(tag[0] in "ES" for tag in tags)
        open_ += len(unended(tags))
    if open_ > ended and name != "IOE":
        doubts.append(f"most entities end without a mark of their end ({used}), so the file may be IOB2 with "
                      "a few "
                      "odd tags; every mark is read as what it is")
    return Scheme(name, form, starts=name == "IOE", ends=name != "IOE" and open_ <= ended, doubts=doubts)


def _bare(tag: str) -> str:
    """A tag without white space, and without characters of no width, at its ends."""
    return _EDGES.sub("", tag)


def _rough(posts: Sequence[Sequence[str]], scheme: Scheme) -> list[list[str]]:
    return [scheme.read_all(tags, None)[0] for tags in posts]


def _goes_on(before: str, tag: str) -> bool:
    return before[0] in "BI" and before[2:] == tag[2:]


def unended(tags: Sequence[str]) -> list[int]:
    """Positions of tags in the one form that leave an entity without its end, as BIOES and its kin mark
    it."""
    return [at for at, (tag, after) in enumerate(pairwise([*tags, "O"]))
            if tag[0] in "BI" and not (after[0] in "IE" and after[2:] == tag[2:])]

"""What a data set must tell about itself, and what loading one gives back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gmner_cli.data.findings import Report
from gmner_cli.data.tags import Orphans
from gmner_cli.records import Post

NO_ENTITY = "O"
"""What a label map calls a type whose entities are left out."""


@dataclass(frozen=True)
class Options:
    """How to read a data set.

    fix: repair what can be repaired. boxes: folder of the XML files where it is
    not the data set's own. orphans: overrides the data set's reading of orphan
    I- tags. column: the tag's column of a generic file, 1 the first, -1 the last.
    label_map: types that the records call otherwise, NO_ENTITY for those to leave out.
    follow_links: whether symbolic links in the folders of pictures and of annotations may lead out of them.
    """

    fix: bool = False
    boxes: Path | None = None
    orphans: Orphans | None = None
    column: int = -1
    label_map: Mapping[str, str] = field(default_factory=dict)
    follow_links: bool = False

    def allowed(self, labels: Collection[str]) -> frozenset[str]:
        """The types that a file may hold: a data set's own, and those that are mapped."""
        return frozenset(labels) | self.label_map.keys()


@dataclass(frozen=True)
class Adapter:
    """One data set.

    read(source, options, report) gives the posts of every split; it raises
    GmnerError when the folder is not what ``layout`` describes. ``family``:
    data sets of one family share their posts by design, so that one in the
    other's test split is no leak. ``labels``: the coarse types, None for any.
    ``accepts``: the fields of Options, beside ``fix``, that mean something here.
    ``own_file``: the source is one file, a user's own, so it is never looked for.
    ``published`` and ``layout`` tell a user without the data where it is and how it looks.
    """

    name: str
    read: Callable[[Path, Options, Report], dict[str, list[Post]]]
    published: str
    layout: str
    family: str
    labels: frozenset[str] | None = None
    accepts: frozenset[str] = frozenset()
    own_file: bool = False


@dataclass
class Splits:
    """A loaded data set: posts by split name (train, dev, test), and what was found on the way."""

    name: str
    source: Path
    posts: dict[str, list[Post]]
    report: Report
    leaks: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)

    def __getitem__(self, split: str) -> list[Post]:
        return self.posts[split]

    @property
    def version(self) -> str | None:
        """The data set's version where it could be told."""
        return next(((p.meta or {}).get("version") for posts in self.posts.values() for p in posts[:1]), None)

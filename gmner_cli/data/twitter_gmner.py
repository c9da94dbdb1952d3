"""Twitter-GMNER (Yu et al., ACL 2023), versions 1 and 2: CoNLL text and one Pascal VOC file per picture."""

from __future__ import annotations

import re
from pathlib import Path

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.annotations import annotate
from gmner_cli.data.conll import read_sentences, split_paths, tab_cells
from gmner_cli.data.conll_posts import tagged_posts
from gmner_cli.data.findings import Report
from gmner_cli.data.voc import read_voc
from gmner_cli.records import Post

LABELS = frozenset({"PER", "LOC", "ORG", "OTHER"})
FILES = (("train", "train.txt"), ("dev", "dev.txt"), ("test", "test.txt"))
VERSION_BY_ENTITIES = {16778: "1.0", 16772: "2.0"}
"""Entities in all splits together: the published totals of the two versions."""


def read_text(folder: Path, name: str, options: Options, report: Report) -> dict[str, list[Post]]:
    """The posts of ``folder/{train,dev,test}.txt`` without boxes. An orphan I- starts an entity."""
    posts = {}
    for split, path in split_paths(folder, FILES).items():
        sentences = read_sentences(path, tab_cells(1), [options.allowed(LABELS)], report, fix=options.fix)
        posts[split] = tagged_posts(sentences, path, report, options, orphans="start",
                                    meta={"dataset": name, "split": split})
    return posts


def version_of(source: Path, posts: dict[str, list[Post]]) -> str | None:
    """"1.0" or "2.0", told by the folder's name (…v1…, …_v2.0) or else by the number of entities."""
    named = re.search(r"v\.?([12])(?:\.0)?(?![0-9.])", source.resolve().name.lower())
    if named:
        return f"{named[1]}.0"
    return VERSION_BY_ENTITIES.get(sum(len(p.entities or ()) for split in posts.values() for p in split))


def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
    """``source/txt`` and ``source/xml``. Raises GmnerError when one of them is absent."""
    posts = read_text(source / "txt", "twitter-gmner", options, report)
    version = version_of(source, posts)
    annotate(posts, options.boxes or source / "xml", ".xml", read_voc, report, fix=options.fix,
             follow_links=options.follow_links)
    if version:
        for split, post in ((split, post) for split, own in posts.items() for post in own):
            post.meta = {"dataset": "twitter-gmner", "version": version, "split": split}
    return posts


ADAPTERS = (
    Adapter(
        name="twitter-gmner", read=read, labels=LABELS, family="twitter-gmner",
        accepts=frozenset({"boxes", "orphans", "label_map"}),
        published='"Grounded Multimodal Named Entity Recognition on Social Media" (Yu et al., ACL 2023), '
                  "GitHub project NUSTM/GMNER",
        layout="txt/train.txt, txt/dev.txt, txt/test.txt and xml/ID.xml",
    ),
)

"""Twitter-2015 (Zhang et al., 2018) and Twitter-2017 (Lu et al., 2018): text and types, no boxes.

An I- tag that continues nothing is no entity here (strict IOB2): that gives
the published counts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.conll import read_sentences, split_paths, tab_cells
from gmner_cli.data.findings import Report
from gmner_cli.data.posts import tagged_posts
from gmner_cli.records import Post

LABELS = frozenset({"PER", "LOC", "ORG", "MISC"})
RENAMES = {"OTHER": "MISC"}
"""Twitter-2015's files say OTHER for what every paper, and Twitter-2017, call MISC."""

FILES = (("train", "train.txt"), ("dev", "valid.txt"), ("test", "test.txt"))


def reader(name: str) -> Callable[[Path, Options, Report], dict[str, list[Post]]]:
    """The ``read`` of the data set called ``name``: train.txt, valid.txt and test.txt in the source folder."""

    def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
        posts = {}
        for split, path in split_paths(source, FILES).items():
            sentences = read_sentences(path, tab_cells(LABELS | RENAMES.keys()), report, fix=options.fix)
            posts[split] = tagged_posts(sentences, path, report, orphans=options.orphans or "drop", fix=options.fix,
                                        renames=RENAMES, meta={"dataset": name, "split": split})
        return posts

    return read


def _adapter(name: str, paper: str) -> Adapter:
    return Adapter(name=name, read=reader(name), labels=LABELS, family=name, accepts=frozenset({"orphans"}),
                   published=f"{paper}; both sets are gathered in the GitHub project jefferyYu/UMT",
                   layout="train.txt, valid.txt and test.txt")


ADAPTERS = (
    _adapter("twitter-2015", '"Adaptive Co-attention Network for Named Entity Recognition in Tweets" '
                             "(Zhang et al., AAAI 2018)"),
    _adapter("twitter-2017", '"Visual Attention Model for Name Tagging in Multimodal Social Media" '
                             "(Lu et al., ACL 2018)"),
)

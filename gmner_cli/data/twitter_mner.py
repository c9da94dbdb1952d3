"""Twitter-2015 (Zhang et al., 2018) and Twitter-2017 (Lu et al., 2018): text and types, no boxes.

An I- tag that continues nothing is no entity here (strict IOB2). That gives
Twitter-2017's published counts, 6049/1324/1351 in train, dev and test. The files
of Twitter-2015 hold 6166/1541/5072 entities in this reading, where the papers
print 6176/1546/5078: the difference stands in the files, 374 orphans are reported.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.conll import read_sentences, split_paths, tab_cells
from gmner_cli.data.conll_posts import tagged_posts
from gmner_cli.data.findings import Report
from gmner_cli.records import Post

LABELS = frozenset({"PER", "LOC", "ORG", "MISC"})
RENAMES = {"OTHER": "MISC"}
"""Twitter-2015's files say OTHER for what every paper, and Twitter-2017, call MISC."""

FILES = (("train", "train.txt"), ("dev", "valid.txt"), ("test", "test.txt"))


def reader(name: str) -> Callable[[Path, Options, Report], dict[str, list[Post]]]:
    """The ``read`` of the data set called ``name``: train.txt, valid.txt and test.txt in the source
    folder."""

    def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
        posts = {}
        for split, path in split_paths(source, FILES).items():
            allowed = options.allowed(LABELS | RENAMES.keys())
            sentences = read_sentences(path, tab_cells(1), [allowed], report, fix=options.fix)
            posts[split] = tagged_posts(sentences, path, report, options, orphans="drop", renames=RENAMES,
                                        meta={"dataset": name, "split": split})
        return posts

    return read


def _adapter(name: str, paper: str) -> Adapter:
    return Adapter(name=name, read=reader(name), labels=LABELS, family=name,
                   accepts=frozenset({"orphans", "label_map"}),
                   published=f"{paper}; both sets are gathered in the GitHub project jefferyYu/UMT",
                   layout="train.txt, valid.txt and test.txt")


ADAPTERS = (
    _adapter("twitter-2015", '"Adaptive Co-attention Network for Named Entity Recognition in Tweets" '
                             "(Zhang et al., AAAI 2018)"),
    _adapter("twitter-2017", '"Visual Attention Model for Name Tagging in Multimodal Social Media" '
                             "(Lu et al., ACL 2018)"),
)

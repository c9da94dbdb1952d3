"""Twitter-SMNER (RiVEG §III): Twitter-GMNER's posts with a segmentation mask for every visible entity.

The annotations are labelme files, one per picture, shapes labelled with the
entity's text: see ``gmner_cli.data.labelme``.
"""

from __future__ import annotations

from pathlib import Path

from gmner_cli.data.adapter import Adapter, Options
from gmner_cli.data.annotations import annotate
from gmner_cli.data.findings import Report
from gmner_cli.data.labelme import read_labelme
from gmner_cli.data.twitter_gmner import LABELS, read_text
from gmner_cli.records import Post


def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
    """``source/txt`` and ``source/json`` (or ``source/masks``). Raises GmnerError when one is absent."""
    posts = read_text(source / "txt", "twitter-smner", options, report)
    folder = options.boxes or (source / "masks" if (source / "masks").is_dir() else source / "json")
    annotate(posts, folder, ".json", read_labelme, report, fix=options.fix, follow_links=options.follow_links)
    return posts


ADAPTERS = (
    Adapter(
        name="twitter-smner", read=read, labels=LABELS, family="twitter-gmner",
        accepts=frozenset({"boxes", "orphans", "label_map"}),
        published='"Advancing Grounded Multimodal Named Entity Recognition via LLM-Based Reformulation and '
                  'Box-Based Segmentation" (Li et al., RiVEG), GitHub project JinYuanLi0012/RiVEG',
        layout="txt/train.txt, txt/dev.txt, txt/test.txt (as in Twitter-GMNER) and json/ID.json (labelme)",
    ),
)

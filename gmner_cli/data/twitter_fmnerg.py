"""Twitter-FMNERG (Wang et al., ACM MM 2023): the posts of Twitter-GMNER v2 with coarse and fine types.

Three columns: token, coarse tag, fine tag. The boxes are the XML files of
Twitter-GMNER v2, which the project does not repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gmner_cli.data.adapter import NO_ENTITY, Adapter, Options
from gmner_cli.data.annotations import annotate
from gmner_cli.data.conll import Sentence, read_sentences, split_paths, tab_cells
from gmner_cli.data.conll_posts import tagged_posts
from gmner_cli.data.findings import Report
from gmner_cli.data.tags import Span, decode
from gmner_cli.data.twitter_gmner import FILES
from gmner_cli.data.voc import read_voc
from gmner_cli.errors import GmnerError
from gmner_cli.records import Post

FINE_TYPES: dict[str, tuple[str, ...]] = {
    "art": ("art_other", "film_and_television_works", "magazine", "music", "written_work"),
    "building": ("building_other", "cultural_place", "entertainment_place", "sports_facility"),
    "event": ("event_other", "festival", "sports_event"),
    "location": ("city", "continent", "country", "location_other", "park", "road", "state"),
    "organization": ("band", "company", "educational_institution", "government_agency", "news_agency",
                     "organization_other", "political_party", "social_organization", "sports_league",
                     "sports_team"),
    "other": ("animal", "award", "medical_thing", "ordinance", "website"),
    "person": ("actor", "artist", "athlete", "author", "businessman", "character", "coach", "director",
               "intellectual", "journalist", "musician", "person_other", "politician"),
    "product": ("brand_name_products", "game", "product_other", "software"),
}
"""The fine types of every coarse type."""

COARSE_OF = {fine: coarse for coarse, fines in FINE_TYPES.items() for fine in fines}


def read(source: Path, options: Options, report: Report) -> dict[str, list[Post]]:
    """``source/txt_fine`` and the XML folder. An orphan I- starts an entity.

    Raises GmnerError when the boxes are neither given nor beside the source.
    """
    posts = {}
    for split, path in split_paths(source / "txt_fine", FILES).items():
        allowed = [options.allowed(FINE_TYPES), options.allowed(COARSE_OF)]
        sentences = read_sentences(path, tab_cells(2), allowed, report, fix=options.fix)
        posts[split] = tagged_posts(sentences, path, report, options, orphans="start",
                                    meta={"dataset": "twitter-fmnerg", "split": split})
        _add_fine_types(posts[split], sentences, path, report, options)
    annotate(posts, options.boxes or _boxes_beside(source), ".xml", read_voc, report, fix=options.fix,
             follow_links=options.follow_links)
    return posts


def _add_fine_types(posts: Sequence[Post], sentences: Sequence[Sentence], path: Path, report: Report,
                    options: Options) -> None:
    """Set ``fine_type`` from the second tag column; where its span is another, the first token's type is
    taken."""
    for post, sentence in zip(posts, sentences, strict=True):
        fine = sentence.column(1)
        spans = set(decode(fine, "start")[0])
        for entity in post.entities or []:
            start, end = entity.token_start, entity.token_end
            if start is None or end is None:  # never: they were made of tokens
                continue
            first = fine[start]
            named = options.label_map.get(first[2:], first[2:])
            entity.fine_type = None if named in ("", NO_ENTITY) else named
            whole = Span(start, end, first[2:]) in spans
            if not whole or COARSE_OF.get(named) != entity.type:
                report.add("fine_tag_differs", f"{path}:{sentence.lines[start]}",
                           f"{entity.text!r} is {entity.type}, its fine tags are "
                           f"{fine[start:end]}")


def _boxes_beside(source: Path) -> Path:
    places = [source / "xml", source.resolve().parent / "twitter-gmner-v2" / "xml"]
    for place in places:
        if place.is_dir():
            return place
    raise GmnerError(
        f"the boxes of Twitter-FMNERG are not at {' or '.join(map(str, places))}", where=str(source),
        hint="they are the xml folder of Twitter-GMNER v2 (GitHub project NUSTM/GMNER); name it with --boxes")


ADAPTERS = (Adapter(
    name="twitter-fmnerg",
    read=read,
    labels=frozenset(FINE_TYPES),
    family="twitter-gmner",
    accepts=frozenset({"boxes", "orphans", "label_map"}),
    published='"Fine-Grained Multimodal Named Entity Recognition and Grounding with a Generative '
    'Framework" '
    "(Wang et al., ACM Multimedia 2023), GitHub project NUSTM/FMNERG",
    layout="txt_fine/train.txt, txt_fine/dev.txt, txt_fine/test.txt and the xml folder of Twitter-GMNER v2",
), )

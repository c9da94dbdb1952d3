"""MNER F1 of mini's tagger on Twitter-GMNER's test split, by how its posts are written: as tokens, and as
plain text.

    python -m tests.bench.bench_plain_text --shared /work/shared [--split test] [--threads 1]

Plain text is what ``tests.bench.plain_text`` makes of the tokens; gold spans move with them. Each row is
given for all posts and for those with a possessive ("Curry 's": a token "s" after an apostrophe after a
word), the plain ones twice: cut as in commit 0f9e0c0, whose pattern is kept here, and as now. "with their
tokens" is what mini's card says.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec
import regex

from gmner_cli import recipes
from gmner_cli.compute import runtime
from gmner_cli.data.adapter import Options
from gmner_cli.data.findings import Report
from gmner_cli.data.twitter_gmner import read_text
from gmner_cli.flow.model_stage import predict_posts
from gmner_cli.ner.cut import Cut
from gmner_cli.records import Post
from gmner_cli.scoring.task_scores import score
from gmner_cli.weights.model_folder import load_model
from tests.bench.markdown import conditions, show
from tests.bench.plain_text import detokenise

COLUMNS = ("posts are read", "all posts", "those with a possessive")
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LETTER = rf"[[\p{{L}}\p{{N}}]--[{_UNSPACED}]][\p{{M}}\u200c\u200d]*"
_WORD = regex.compile(
    rf"(?:{_LETTER})+(?:['’](?:{_LETTER})+)*(?:-(?:{_LETTER})+)*(?:[.,]\p{{Nd}}+)*"
    r"|[\U0001F1E6-\U0001F1FF]{2}"
    rf"|[{_UNSPACED}][\p{{M}}]*|[^\p{{L}}\p{{N}}\s\x1c-\x1f]", regex.VERSION1)


class Before(Cut, frozen=True):
    """The cut of commit 0f9e0c0, the same for every tagger."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in _WORD.finditer(text)]


def written(post: Post) -> Post:
    """The post as plain text, its entities moved."""
    text, spans = detokenise(post.tokens)
    entities = [
        msgspec.structs.replace(e, start=spans[e.token_start][0], end=spans[e.token_end - 1][1], text=None,
                                token_start=None, token_end=None) for e in post.entities
    ]
    return msgspec.structs.replace(post, text=text, tokens=None, entities=entities).check()


def possessive(post: Post) -> bool:
    tokens = post.tokens
    return any(b in ("'", "’") and c.lower() == "s" and a[-1].isalnum()
               for a, b, c in zip(tokens, tokens[1:], tokens[2:], strict=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="the folder with data/twitter-gmner-v2")
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    where = runtime.start("cpu", threads=given.threads)
    section = recipes.load("mini").section("ner")
    tagger = load_model(section.weights_folder(), offline=True)
    tagger.prepare_to_predict()
    posts = read_text(given.shared / "data" / "twitter-gmner-v2" / "txt", "twitter-gmner", Options(),
                      Report())[given.split]
    plain = [written(post) for post in posts]
    now = tagger.cut
    chosen = [n for n, post in enumerate(posts) if possessive(post)]
    same = sum(now.spans(text) == spans for text, spans in (detokenise(post.tokens) for post in posts))
    print(conditions(f"Twitter-GMNER v2 {given.split}: {len(posts)} posts, {len(chosen)} with a possessive",
                     f"{same} of the plain posts are cut into the very tokens they were made of"))
    rows = []
    ways = (("with their tokens", posts, now), ("as plain text, cut as in 0f9e0c0", plain, Before()),
            ("as plain text", plain, now))
    for name, asked, cut in ways:
        tagger.cut = cut
        found = predict_posts(tagger, asked, where, section.batch_size)
        scores = [
            score([found[n]
                   for n in some], [asked[n]
                                    for n in some])["rows"]["MNER"]["f1"]
            for some in (range(len(posts)), chosen)
        ]
        rows.append((name, *(f"{f1:.2f}" for f1 in scores)))
    show("MNER F1 of mini", COLUMNS, rows)


if __name__ == "__main__":
    main()

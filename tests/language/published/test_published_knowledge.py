"""Published knowledge: read whole or refused with its line, and matched by exactly the tokens."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmner_cli.data import load
from gmner_cli.errors import GmnerError
from gmner_cli.language.published.knowledge_files import PublishedKnowledge, match, read_knowledge
from gmner_cli.records import Post


def spell(*posts):
    """A file from (tokens, tags, words): as published."""
    return "\n".join("".join(f"{t}\t{g}\n" for t, g in zip(tokens, tags, strict=True)) + "<EOS>\tX\n"
                     + "".join(f"{w}\tX\n" for w in words) for tokens, tags, words in posts)


def read(tmp_path, content):
    path = tmp_path / "k.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_knowledge(path)


ADA = (["Ada", "Brook", "sings"], ["B-PER", "I-PER", "O"], ["Ada", "Brook", "", "is", "known."])
RAIN = (["rain"], ["O"], ["No", "names."])


def test_a_file_as_published(tmp_path):
    content = spell(ADA, RAIN)
    found = read(tmp_path, content)
    assert found == [
        PublishedKnowledge(1, ADA[0], "Ada Brook is known."),
        PublishedKnowledge(11, RAIN[0], "No names.")
    ]
    assert read(tmp_path, b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode() + b"\r\n\r\n") == found


TOKENS = st.lists(st.text(st.characters(exclude_characters="\r\n\t", exclude_categories=["Cs"]), min_size=1)
                  .filter(lambda t: t.strip(" ") and t != "\ufeff"), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=4))
def test_any_posts_come_back(tmp_path_factory, posts):
    content = spell(*((tokens, ["O"] * len(tokens), words) for tokens, words in posts))
    found = read(tmp_path_factory.getbasetemp(), b"\xef\xbb\xbf" + content.encode())
    assert [(e.tokens, e.text) for e in found] == [(tokens, " ".join(words)) for tokens, words in posts]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "holds no posts"), (b"\r\n\r\n", "holds no posts"),
     (b"\x89PNG\r\n\x1a\n", "k.txt:1: is not UTF-8"), (spell(ADA).encode("utf-16"), "is not UTF-8"),
     (spell(ADA, RAIN)[:-len("No\tX\nnames.\tX\n")], "k.txt:12: ends the post of line 11"),
     (spell(ADA)[:12], "k.txt:2: is not a token"), ("Ada\tO\n", "k.txt:1: ends the post"),
     ("Ada Brook\n", "is not a token"), ("Ada\tO\tO\n", "is not a token"),
     ("Ada\tPER\n", "is not a tag of IOB2"), ("Ada\tO\n<EOS>\tX\nwords\tO\n", "k.txt:3: has tag 'O'"),
     ("<EOS>\tX\nwords\tX\n", "k.txt:1: is <EOS>, and no post before"),
     (" \tO\n<EOS>\tX\nw\tX\n", "k.txt:1: has no token"), ("x" * 10 ** 6, "k.txt:1: is not a token")])
def test_a_file_that_is_torn_or_of_another_kind_is_refused_with_its_line(tmp_path, content, said):
    with pytest.raises(GmnerError, match=said) as caught:
        read(tmp_path, content)
    assert len(str(caught.value)) < 500


def entry(line, text, knowledge):
    return PublishedKnowledge(line, text.split(), knowledge)


def post(identity, text, tokens=True):
    return Post(id=identity, text=text, tokens=text.split() if tokens else None)


def test_posts_are_matched_by_their_tokens_whatever_the_order():
    answers, report = match(
        [post("b", "rain again"),
         post("a", "Ada sings", tokens=False),
         post("c", "Rain again")],
        [entry(1, "Ada sings", "A"),
         entry(9, "rain again", "R"),
         entry(20, "snow", "S")])
    assert answers == {"a": "A", "b": "R"}
    assert (report.matched, report.posts, report.without, report.ambiguous, report.unused) == (2, 3, ["c"],
                                                                                               [], [20])
    assert str(
        report
    ) == "knowledge for 2 of 3 posts; 1 are not in the file (c); 1 entries belong to no post (lines 20)"


def test_a_text_that_repeats_is_matched_in_order_and_never_guessed():
    twice = [entry(1, "go now", "first"), entry(5, "go now", "second")]
    same = [post("a", "go now"), post("x", "else"), post("b", "go now")]
    assert match(same, twice)[0] == {"a": "first", "b": "second"}
    for posts in (same[:1], [*same, post("c", "go now")]):
        answers, report = match(posts, twice)
        assert answers == {} and report.ambiguous == [p.id for p in posts if p.text == "go now"]
    assert match(same[:1], [twice[0], twice[0]])[0] == {"a": "first"}, "whichever it is, it says the same"


@pytest.mark.parametrize(("folder", "files", "missing"), [
    ("twitter-2015", "pgim/knowledge-2015", {"train": ["33008"], "dev": ["370925"], "test": ["1418707"]}),
    ("twitter-2017", "pgim/knowledge-2017", {}), ("twitter-gmner-v2/txt", "riveg/knowledge-gmner", {})])
def test_the_published_files_fit_the_prepared_posts(shared, folder, files, missing):
    """All but the last post of each split of Twitter-2015, which the files lack."""
    place = shared / "data" / folder
    for split, file in (("train", "train"), ("dev", "valid"), ("test", "test")):
        published = load("conll", place /
                         f"{split}.txt")[split] if place.name == "txt" else load(folder, place)[split]
        entries = read_knowledge(shared / "data" / files / f"{file}.txt")
        answers, report = match(published, entries)
        assert (report.without, report.ambiguous, report.unused) == (missing.get(split, []), [], [])
        assert list(answers) == [p.id for p in published if p.id in answers] and list(
            answers.values()) == [e.text for e in entries]

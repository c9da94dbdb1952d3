"""Tag schemes of whole files, and the words of every file: all of them come through, with --fix and
without."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmner_cli.data import Options, load
from gmner_cli.data.schemes import Scheme, detect, unended
from gmner_cli.data.tags import Span, decode
from gmner_cli.errors import GmnerError, UsageError

TYPES = ("PER", "creative-work", "sports_team")
MARKS = {"IOB2": "BIBI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES", "BMEWO": "BMEW"}
"""The marks of a begin, an inner, a last and a lone token."""


def tagged(scheme: str, count: int, spans: list[Span]) -> list[str]:
    """The slow reference: every span written mark by mark."""
    tags = ["O"] * count
    for number, (start, end, kind) in enumerate(spans):
        before = spans[number - 1] if number else None
        adjacent = before is not None and before.end == start and before.type == kind
        for at in range(start, end):
            if scheme in ("IOB1", "IO"):
                mark = "B" if adjacent and at == start and scheme == "IOB1" else "I"
            elif scheme == "IOE2":
                mark = "E" if at == end - 1 else "I"
            else:
                begin, inner, last, lone = MARKS[scheme]
                if scheme == "IOB2":
                    last, lone = inner, begin
                inside = begin if at == start else last if at == end - 1 else inner
                mark = lone if end - start == 1 else inside
            tags[at] = f"{mark}-{kind}"
    return tags


@st.composite
def posts_of(draw, touching: bool = True) -> list[tuple[int, list[Span]]]:
    """Posts as (number of tokens, disjoint spans); unless ``touching``, a token lies between two of them."""
    posts = []
    for _ in range(draw(st.integers(1, 3))):
        spans, at = [], 0
        for gap, length, kind in draw(
                st.lists(
                    st.tuples(st.integers(0 if touching else 1, 2), st.integers(1, 3),
                              st.sampled_from(TYPES)), max_size=5)):
            spans.append(Span(at + gap, at + gap + length, kind))
            at += gap + length
        posts.append((at + draw(st.integers(0, 2)), spans))
    return posts


FORMS = {
    "B-PER": lambda tag: tag, "B_PER": lambda tag: tag.replace("-", "_", 1),
    "b-PER": lambda tag: tag[0].lower() + tag[1:], "PER-B": lambda tag: tag
    if tag == "O" else f"{tag[2:]}-{tag[0]}", "PER_B": lambda tag: tag
    if tag == "O" else f"{tag[2:]}_{tag[0]}"
}


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([*MARKS, "IOB1", "IO", "IOE2"]), st.sampled_from(list(FORMS)))
def test_every_scheme_gives_the_spans_it_was_written_from(data, scheme, form):
    posts = data.draw(posts_of(touching=scheme != "IO"))
    files = [[FORMS[form](tag) for tag in tagged(scheme, *post)] for post in posts]
    found = detect(files, free=True)
    for (_, spans), tags in zip(posts, files, strict=True):
        read, reasons = found.read_all(tags, None)
        assert (decode(read, "start"), reasons) == ((spans, []), {})
        assert not found.ends or not unended(read)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["O", *(f"{p}-{t}" for p in "BIES" for t in ("PER", "LOC"))]), min_size=1))
def test_any_order_of_marks_is_read_as_seqeval_reads_it(tags):
    pytest.importorskip("seqeval")
    from seqeval.metrics.sequence_labeling import get_entities

    assert decode(tags, "start")[0] == [Span(start, end + 1, kind) for kind, start, end in get_entities(tags)]


@pytest.mark.parametrize(("tags", "free", "name"),
                         [(["B-PER", "I-PER", "O"], True, "IOB2"), (["I-PER", "I-PER", "O"], True, "IO"),
                          (["I-PER", "B-PER", "O"], True, "IOB1"), (["I-PER", "O"], False, "IOB2"),
                          (["B-PER", "E-PER", "S-LOC"], False, "BIOES"),
                          (["B-PER", "L-PER", "U-LOC"], False, "BILOU"),
                          (["B-PER", "M-PER", "E-PER", "S-LOC"], False, "BMES"),
                          (["B-PER", "M-PER", "E-PER", "W-LOC"], False, "BMEWO"),
                          (["PER-B", "PER-I"], False, "IOB2, the mark last (PER-B)"),
                          (["PER", "O"], True, "IO without marks"), (["B-E", "I-E"], False, "IOB2"),
                          (["B-PER", "E-PER", "U-LOC"], False, "a mixture"), (["O"], True, "IOB2")])
def test_schemes_are_called_by_their_names(tags, free, name):
    assert str(detect([tags], free=free)) == name


@pytest.mark.parametrize("tags", [["S-Bahn", "O"], ["E-commerce", "S-Bahn", "O"], ["B-PER", "E-PER", "U-LOC"],
                                  ["B-PER", "I-PER", "B-LOC", "B-PER", "S-LOC"]])
def test_what_can_be_read_in_several_ways_is_said(tags):
    assert detect([tags]).doubts


@pytest.mark.parametrize("tag", ["", "B", "B-", "PER", "B-XYZ", "B - ", "-PER", "B PER"])
def test_wrong_tags_are_refused(tag):
    with pytest.raises(ValueError):
        Scheme().read(tag, {"PER"})


@pytest.mark.parametrize("tag", [
    "B-PER ", " B-PER", "B-PER\xa0", "B-PER\x85", "B-PER\u200b", "\ufeffB-PER \u200e", "b-per", "B_PER",
    "B- PER", "B-PER\t"
])
def test_white_space_and_case_make_no_type(tag):
    assert Scheme().read(tag, {"PER"}) == "B-PER"


# --- files

def plain(tmp_path, content: str | bytes, fix: bool = False, **options):
    path = tmp_path / "tagged.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load("conll", path, options=Options(fix=fix, **options))


def told(splits):
    return [(p.tokens, [(e.text, e.type) for e in p.entities]) for p in splits["tagged"]]


TWO = [(["Lady", "Gaga", "in", "Oslo"], [("Lady Gaga", "PER"), ("Oslo", "LOC")]), (["rain"], [])]


@pytest.mark.parametrize("content", [
    "Lady\tB-PER\nGaga\tI-PER\nin\tO\nOslo\tB-LOC\n\t\nrain\tO\n",
    "Lady\tB-PER\nGaga\tE-PER\nin\tO\nOslo\tS-LOC\n \t \nrain\tO\n",
    "Lady\tB-PER\nGaga\tL-PER\nin\tO\nOslo\tU-LOC\n\xa0\nrain\tO\n",
    "Lady\tB-PER\nGaga\tE-PER\nin\tO\nOslo\tW-LOC\n\x0b\n\u3000\nrain\tO\n",
    "Lady\tI-PER\nGaga\tI-PER\nin\tO\nOslo\tI-LOC\n\nrain\tO\n",
    "Lady PER\nGaga PER\nin O\nOslo LOC\n\nrain O\n",
    "Lady\tB-PER\t\nGaga\tI-PER\t \nin\tO\t\nOslo\tB-LOC \n\t\t\nrain\tO\t\n",
    "Lady B-PER \nGaga I-PER \nin O \nOslo B-LOC\t\n\nrain O\n",
    "Lady\tB-PER\rGaga\tI-PER\rin\tO\rOslo\tB-LOC\r\rrain\tO\r",
    "Lady\tB-PER\rGaga\tI-PER\rin\tO\rOslo\tB-LOC\r\rrain\tO\n",
    "Lady\tB-PER\r\r\nGaga\tI-PER\r\r\nin\tO\r\r\nOslo\tB-LOC\r\r\n\r\r\nrain\tO\r\r\n",
    "\ufeff# newdoc id = 1\n# text = Lady Gaga in O\nLady\tB-PER\nGaga\tI-PER\nin\tO\nOslo\tB-LOC\n\n# "
    "newpar\nrain\tO\n",
    "# sent_id = 1\n1\tLady\tB-PER\t_\n2\tGaga\tI-PER\t_\n3\tin\tO\t_\n4\tOslo\tB-LOC\t_\n\n1\train\tO\t_\n",
    "# id 5f9 domain=en\nLady _ _ B-PER\nGaga _ _ I-PER\nin _ _ O\nOslo _ _ B-LOC\n\nrain _ _ O\n",
])
def test_files_as_people_have_them_read_alike_and_fix_changes_nothing(tmp_path, content):
    column = {"column": 3} if "\t_\n" in content else {}
    for fix in (False, True):
        splits = plain(tmp_path, content, fix=fix, **column)
        assert told(splits) == TWO
        assert not splits.report.problems()


def test_a_sign_that_is_a_word_is_no_comment(tmp_path):
    assert told(plain(tmp_path, "#\tO\nOslo\tB-LOC\n\n# O\nrain O\n\n#Oslo\tB-LOC\n")) == [
        (["#", "Oslo"], [("Oslo", "LOC")]), (["#", "rain"], []), (["#Oslo"], [("#Oslo", "LOC")])]


def test_line_ends_of_other_scripts_stay_in_their_words(tmp_path):
    words = ["a\u2028b", "c\x85d", "e\rf", "g\x0bh"]
    assert told(plain(tmp_path, "".join(f"{word}\tO\n" for word in words))) == [(words, [])]


def test_utf16_without_a_mark_is_said_to_be_that(tmp_path):
    for codec in ("utf-16", "utf-16-le", "utf-16-be"):
        with pytest.raises(GmnerError, match="UTF-16") as caught:
            plain(tmp_path, "Ada\tB-PER\nsings\tO\n".encode(codec))
        assert "iconv -f UTF-16" in caught.value.hint


@pytest.mark.parametrize("content", [
    "New York B-LOC\nwakes O\nup O\n", "New York B-LOC\nwakes O\n", "wakes\tO\nup\tO\nNew York B-LOC\n",
    "wakes\tO\nup\tO\nNew York\n"
])
def test_a_token_with_a_space_is_kept_whole_where_columns_tell(tmp_path, content):
    splits = plain(tmp_path, content, fix=True)
    assert "New York" in splits["tagged"][0].tokens
    assert [e.text for e in splits["tagged"][0].entities] == (["New York"] if "B-LOC" in content else [])
    assert [f.fixed for f in splits.report.of("malformed_line")] == [True]


def test_a_column_that_is_not_there_is_no_reason_to_lose_the_tags(tmp_path):
    with pytest.raises(GmnerError, match="column 3") as caught:
        plain(tmp_path, "Ada B-PER\nsings O\n", column=3)
    assert "repair" not in caught.value.hint
    assert plain(tmp_path, "Ada B-PER\nsings O\n", column=3, fix=True).report.lost()


def test_a_type_that_is_not_declared_is_named_or_left_out_by_the_label_map(gmner):
    from tests.data.conftest import conll

    gmner.write(train=conll(("t1", "Rex/B-DOG the/I-DOG dog/I-DOG and/O Ada/B-PER")))
    with pytest.raises(GmnerError, match="unknown type 'DOG'") as caught:
        load("twitter-gmner", gmner.root)
    assert "--label-map" in caught.value.hint and "--fix" not in caught.value.hint
    for new, types in (("OTHER", ["OTHER", "PER"]), ("O", ["PER"])):
        splits = load("twitter-gmner", gmner.root, options=Options(label_map={"DOG": new}))
        assert [e.type for e in splits["train"][0].entities] == types
        assert splits["train"][0].tokens == ["Rex", "the", "dog", "and", "Ada"]
        assert splits.report.counts() == {"label_renamed": 1}
    with pytest.raises(UsageError, match="'PET' is not a type of twitter-gmner"):
        load("twitter-gmner", gmner.root, options=Options(label_map={"DOG": "PET"}))


def test_twitter_files_in_other_schemes_keep_their_entities(gmner):
    from tests.data.conftest import conll

    gmner.write(train=conll(("t1", "Lady/B-PER Gaga/E-PER in/O Oslo/S-LOC")))
    for fix in (False, True):
        splits = load("twitter-gmner", gmner.root, options=Options(fix=fix))
        assert [(e.text, e.type) for e in splits["train"][0].entities] == [("Lady Gaga", "PER"),
                                                                           ("Oslo", "LOC")]
        assert splits.report.counts() == {"tag_scheme": 1}


WORDS = st.text(st.sampled_from("aB#\u200a\u2028\x85\xa0é😀-"), min_size=1, max_size=3).filter(str.strip)
TAGS = st.one_of(
    st.sampled_from(
        ["O", "B-PER", "I-PER", "E-PER", "S-LOC", "B_PER", "PER-B", "b-per", "B-DOG", "PER", "", "X", "B-"]),
    st.text("BIO-_ PER", max_size=4))
LINES = st.one_of(
    st.tuples(WORDS, TAGS, st.sampled_from(["", "\t", " ", "\tO",
                                            "\r"])).map(lambda t: (t[0], f"{t[0]}\t{t[1]}{t[2]}")),
    WORDS.map(lambda word: (word, word)),
    st.sampled_from(["", "\t", " ", "-DOCSTART-\tO", "\tO"]).map(lambda line: (None, line)))


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=12))
def test_every_word_comes_through_and_fixed_means_that_nothing_was_lost(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("words") / "tagged.txt"
    # A first line of its own, so that none of the others can be a comment.
    path.write_bytes("\n".join([
        "first\tO", *(line if line.startswith(
            ("\t", "-")) or not line.strip() or line[0] != "#" else f"x{line}" for _, line in lines)
    ]).encode())
    expected = [
        "first", *(f"x{word}" if line[0] == "#" else word for word, line in lines if word is not None)
    ]
    for fix in (False, True):
        splits = load("conll", path, options=Options(fix=fix), stop=False)
        assert [token for post in splits["tagged"] for token in post.tokens] == expected
        if fix and not splits.report.lost():
            covered = sum(e.token_end - e.token_start for post in splits["tagged"] for e in post.entities)
            cells = [line.rstrip("\r").rstrip(" \t").split("\t") for word, line in lines if word is not None]
            assert covered == sum(len(row) > 1 and row[-1].strip() not in ("O", "o") for row in cells)


def test_fix_that_loses_a_tag_writes_the_words_and_ends_with_1(cli, tmp_path):
    (tmp_path / "tagged.txt").write_text("Ada\tB-PER\nsings\tVB\nhere\n")
    done = cli("prepare", "conll", "--source", "tagged.txt", "--fix", "-o", "out")
    assert done.returncode == 1 and "without loss" in done.stderr
    (record,) = map(json.loads, (tmp_path / "out" / "tagged.jsonl").read_text().splitlines())
    assert record["tokens"] == ["Ada", "sings", "here"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["fixed"] == {"malformed_line": 1} and report["problems"] == 1
    assert report["schemes"] == {"tagged.txt": "IOB2"}
    assert cli("prepare", "conll", "--source", "tagged.txt", "--fix", "--check", "-o", "out2").returncode == 1


def test_copies_that_say_something_else_are_kept(gmner):
    from tests.data.conftest import conll

    gmner.write(train=conll(("t1", "Ada/B-PER sings"), ("t1", "Ada/O sings")))
    splits = load("twitter-gmner", gmner.root, options=Options(fix=True))
    assert [(p.id, len(p.entities)) for p in splits["train"]] == [("t1", 1), ("t1#2", 0)]

"""Words, windows and tags."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gmner_cli.ner.cut import Cut
from gmner_cli.ner.encoder import CASES, case_of
from gmner_cli.ner.words import bio_labels, spans_of, tags_of, windows, words_of
from gmner_cli.records import Entity, Post


def words(text: str) -> list[str]:
    return [text[a:b] for a, b in Cut().spans(text)]


def test_a_tweet_is_split_as_the_data_sets_split_theirs():
    assert words("RT @Some_One: it's 3.5% & #GoTeam! https://t.co/aB1") == [
        "RT", "@", "Some", "_", "One", ":", "it", "'", "s", "3.5", "%", "&", "#", "GoTeam", "!", "https://t.co/aB1"]


def test_flags_stay_whole_and_joined_emoji_come_apart_without_losing_their_place():
    text = "go 🇫🇷 👩‍🚀 Anna"
    assert words(text)[:2] == ["go", "🇫🇷"]
    assert words(text)[-1] == "Anna" and Cut().spans(text)[-1] == (len(text) - 4, len(text))


def test_accents_and_vowel_signs_stay_with_their_letter():
    assert words("東京 in 日本") == ["東", "京", "in", "日", "本"]
    assert words("Beyonce\u0301 in दिल्ली, fâché") == ["Beyonce\u0301", "in", "दिल्ली", ",", "fâché"]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=80), st.integers(8, 30), st.integers(0, 12))
def test_windows_fit_and_keep_every_word_once(pieces, budget, overlap):
    found = windows(pieces, budget, overlap)
    kept = [i for w in found for i in range(*w.keep)]
    assert kept == list(range(len(pieces)))
    for window in found:
        assert sum(pieces[slice(*window.words)]) <= budget
        assert window.words[0] <= window.keep[0] <= window.keep[1] <= window.words[1]


tag_lists = st.lists(st.sampled_from(bio_labels(["PER", "LOC"])), max_size=12)


@given(tag_lists)
def test_spans_of_tags_and_back(tags):
    """Tags to spans to tags: the same, but for orphan I- tags, which become B-."""
    tokens = [f"w{i}" for i in range(len(tags))]
    text = " ".join(tokens)
    post = Post(id="p", text=text, tokens=tokens)
    spans = words_of(post)[1]
    post.entities = [
        Entity(start=spans[a][0], end=spans[b - 1][1], type=kind) for a, b, kind in spans_of(tags)
    ]
    mended = []
    for tag in tags:
        before = mended[-1] if mended else "O"
        orphan = tag[0] == "I" and before[2:] != tag[2:]
        mended.append("B" + tag[1:] if orphan else tag)
    assert tags_of(post, spans) == mended


def test_an_entity_inside_a_word_takes_the_word_and_overlaps_do_not_break_tags():
    post = Post(id="p", text="pro-EU vote",
                entities=[Entity(start=4, end=6, type="ORG"),
                          Entity(start=0, end=11, type="OTHER")])
    assert tags_of(post, [(0, 6), (7, 11)]) == ["B-OTHER", "I-OTHER"]


def test_cases():
    looks = {
        "the": "lower", "USA": "upper", "Paris": "title", "iPhone": "mixed", "A": "letter", "2017": "digits",
        "G20": "alphanumeric", "…": "sign", "東京": "other", "McGregor": "mixed"
    }
    assert {word: CASES[case_of(word)] for word in looks} == looks

"""Sub-words of many words at once are those of each word by itself, whatever the word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmner_cli.model import WeightSource
from gmner_cli.ner.encoder import EncoderConfig, TextEncoder
from gmner_cli.ner.words import MOST_PIECES
from tests import tiny

ODD = [
    "[SEP]", "[MASK]", "</s>", "", " ", "\u200d", "\ufe0f", "🐶", "👩‍👩‍👧", "İstanbul", "ﬁ", "e\u0301", "ß",
    "東京", "١٢", "a" * 300, "\x7f", "O'Neal", "#x", "@y"
]
WORDS = st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))


@pytest.fixture(scope="module", params=["word pieces", "bytes", "xlm-r", "t5", "bertweet"])
def encoder(request, tiny_encoder, tmp_path_factory):
    folder = tiny_encoder
    if request.param == "bytes":
        folder = tiny.save_roberta(tmp_path_factory.mktemp("roberta"))
    elif request.param in tiny.TEXT_NETS:
        folder = tiny.save_text_net(tmp_path_factory.mktemp("net"), request.param)
    return TextEncoder(EncoderConfig(encoder=str(folder), max_length=32), WeightSource(offline=True))


def alone(encoder, word):
    """The slow way: one call of the tokenizer for a word, with all that it gives by default."""
    lead = " " if encoder._byte_level() else ""
    ids = encoder.tokenizer(lead + word, add_special_tokens=False, split_special_tokens=True).input_ids
    return (ids or [encoder.tokenizer.unk_token_id])[:MOST_PIECES]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.lists(WORDS, max_size=8), max_size=5))
def test_words_together_are_the_words_alone(encoder, texts):
    assert encoder.pieces(texts) == [[alone(encoder, word) for word in words] for words in texts]


def test_a_word_is_read_once_however_often_it_stands_there(encoder, monkeypatch):
    read, encode = [], encoder.encode
    monkeypatch.setattr(encoder, "encode", lambda texts, **options:
                        (read.extend(texts), encode(texts, **options))[1])
    found = encoder.pieces([["a", "b", "a"], ["b", "a"], []])
    assert len(read) == 2
    assert found[0][0] == found[0][2] == found[1][1] and found[2] == []

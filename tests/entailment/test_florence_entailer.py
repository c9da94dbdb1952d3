"""The answer constrained by a trie: yes against no, and what the network reads."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from gmner_cli.classes.class_paths import new_model
from gmner_cli.entailment.florence_entailer import fork
from gmner_cli.errors import UsageError
from gmner_cli.records import Entity, Post
from tests import tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    checkpoint = tiny.save_florence(tmp_path_factory.mktemp("florence"))
    return new_model("gmner_cli.entailment.florence_entailer:FlorenceEntailer",
                     {"checkpoint": str(checkpoint), "caption": True}, [], recipe="test",
                     offline=True).eval()


POST = Post(id="1", text="red or blue", image="x", caption="two squares", entities=[
    Entity(start=0, end=3, type="PER", expression="{caption} red"), Entity(start=7, end=11, type="PER")])


@torch.no_grad()
def test_the_odds_are_those_of_the_two_whole_answers_under_the_trie(model):
    batch = model.collate(model.examples([POST], False), [Image.new("RGB", (20, 20), "red")])
    states, mask = model.florence.read(batch)
    tokens = model.florence.tokenizer
    answers = {word: tokens(word, add_special_tokens=False).input_ids for word in ("yes", "no")}
    assert [tokens.decode(ids) for ids in answers.values()] == ["yes", "no"]

    def log_chance(word):
        """Sum over the steps of log softmax among the tokens that the trie allows there."""
        total, done = 0.0, []
        for token in answers[word]:
            allowed = sorted({ids[len(done)] for ids in answers.values() if ids[:len(done)] == done})
            out = model.florence.net.model.language_model.decoder(
                input_ids=torch.tensor([[2, 0, *done]] * 2), encoder_hidden_states=states,
                encoder_attention_mask=mask).last_hidden_state
            chances = model.florence.net.lm_head(out)[:, -1, allowed].log_softmax(-1)
            total = total + chances[:, allowed.index(token)]
            done = [*done, token]
        return total

    yes, no = log_chance("yes"), log_chance("no")
    torch.testing.assert_close(yes.exp() + no.exp(), torch.ones(2))
    torch.testing.assert_close(model.match(batch), yes - no, rtol=1e-4, atol=1e-4)


def test_the_caption_follows_the_expression(model):
    questions = [q.text for e in model.examples([POST], False) for q in e.data]
    assert questions == ['Does the image show "{caption} red"? yes or no? two squares',
                         'Does the image show "blue"? yes or no? two squares']


def test_answers_part_at_one_token_or_are_refused():
    assert fork([[5, 6, 7], [5, 8]]) == ([5], [6, 8])
    assert fork([[1], [2]]) == ([], [1, 2])
    with pytest.raises(UsageError, match="cannot be told apart"):
        fork([[5], [5, 6]])

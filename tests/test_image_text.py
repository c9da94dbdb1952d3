"""The image-text network: pre-trained on captioned scenes, and where grounding starts from."""

from __future__ import annotations

import json

import pytest
import torch

from gmner_cli.model import WeightSource
from gmner_cli.weights.model_folder import load_model
from tests.conftest import read_jsonl, write_jsonl

SMALL = ("--set", "vision_width=32", "--set", "text_width=32", "--set", "heads=2", "--set",
         "vocabulary_size=3000")


@pytest.fixture(scope="module")
def scenes(gmner, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    done = gmner("prepare", "scenes", "--seed", "6", "--train", "24", "--dev", "16", "--test", "0",
                 "--captions", "48", "--jobs", "1", "-o", folder)
    assert done.returncode == 0, done.stderr
    captions = [{**record, "entities": []} for record in read_jsonl((folder / "captions.jsonl").read_text())]
    write_jsonl(folder / "captions.jsonl", captions)
    return folder


@pytest.fixture(scope="module")
def pretrained(gmner, scenes):
    out = scenes / "image-text"
    captions = scenes / "captions.jsonl"
    done = gmner("train-ve", captions, "--dev", captions, "--recipe", "image-text", "-o", out, "--threads",
                 "1", "--offline", *SMALL, "--set", "epochs=8", "--set", "ve.train.batch_size=8", "--set",
                 "metric=words")
    assert done.returncode == 0, done.stderr
    return out


def test_it_learns_which_words_a_picture_goes_with(pretrained):
    rows = json.loads((pretrained / "run.json").read_text())["epochs"]
    assert rows[-1]["loss"] < rows[0]["loss"] and rows[-1]["words"] > rows[0]["words"]
    assert {"words", "contrast", "match", "retrieval"} <= set(rows[0])


def test_it_begins_with_how_often_words_stand_in_captions(pretrained):
    model = load_model(pretrained)
    shares = model.facts["words"]
    assert 0 < shares["woman"] < 1 and "a" in shares
    fresh = type(model)(model.config, model.facts, WeightSource(offline=True))
    number = fresh.backbone.tokenizer.convert_tokens_to_ids("woman")
    assert torch.sigmoid(fresh.to_word.bias[number]).item() == pytest.approx(shares["woman"], abs=1e-3)


def test_late_interaction_is_the_mean_over_words_of_the_best_patch(pretrained):
    model = load_model(pretrained)
    torch.manual_seed(0)
    patches = torch.randn(3, 1 + 64, 32)
    words = model.backbone.tokenizer(["a red dog", "a tall tower in the park"], padding=True,
                                     return_tensors="pt")
    batch = {"ids": words["input_ids"], "mask": words["attention_mask"]}
    with torch.no_grad():
        found = model.similarity(patches, batch)
        states = model.net.text_encoder(input_ids=batch["ids"],
                                        attention_mask=batch["mask"]).last_hidden_state
        for n in range(2):
            for p in range(3):
                best = []
                for t in range(int(batch["mask"][n].sum())):
                    word = model.net.text_proj(states[n, t])
                    best.append(max(torch.cosine_similarity(word, model.net.vision_proj(patch), dim=0).item()
                                    for patch in patches[p, 1:]))
                assert found[n, p].item() == pytest.approx(sum(best) / len(best), abs=1e-5)


def test_grounding_starts_from_it_by_its_folder(gmner, scenes, pretrained):
    done = gmner("train-vg", scenes / "train.jsonl", "--dev", scenes / "dev.jsonl", "--recipe", "mini", "-o",
                 scenes / "vg", "--threads", "1", "--offline", "--set",
                 f"vg.settings.checkpoint={pretrained / 'hf'}", "--set", "epochs=1", "--set", "text_layers=1",
                 "--set", "width=32", "--set", "heads=2")
    assert done.returncode == 0, done.stderr
    hf = load_model(pretrained).net.state_dict()
    start = load_model(scenes / "vg").reader.state_dict()
    assert start["vision.embeddings.position_embedding"].shape == hf[
        "vision_model.embeddings.position_embedding"].shape

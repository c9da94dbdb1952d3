"""Checkpoints: they run no code, they are the model that was evaluated, and they change only where they
may."""

from __future__ import annotations

import json

import msgspec
import pytest
import torch

from gmner_cli import recipes
from gmner_cli.classes.class_paths import find_class, new_model
from gmner_cli.compute import runtime
from gmner_cli.errors import ModelError, UsageError
from gmner_cli.flow import build
from gmner_cli.flow.model_stage import predict_posts
from gmner_cli.pictures.images import NO_PICTURES
from gmner_cli.records import Entity, Post
from gmner_cli.weights import hub
from gmner_cli.weights.model_folder import init_from, load_model, save_model
from tests import tiny

TAGGER = "gmner_cli.ner.crf_tagger:CrfTagger"
CPU = runtime.Runtime(torch.device("cpu"))
POSTS = [Post(id="1", text="Ada met Bob", entities=[Entity(start=0, end=3, type="PER")]),
         Post(id="2", text="in Rome", entities=[Entity(start=3, end=7, type="LOC")])]
OTHERS = [
    msgspec.structs.replace(
        p, entities=[Entity(start=e.start, end=e.end, type=f"X{e.type}") for e in p.entities]) for p in POSTS
]


def tagger(encoder, posts=POSTS, seed=0, **settings):
    torch.manual_seed(seed)
    return new_model(TAGGER, {"encoder": str(encoder), "max_length": 64, **settings}, posts, recipe="test",
                     offline=True).eval()


def test_a_checkpoint_cannot_bring_code_along(tiny_encoder, tmp_path, monkeypatch):
    folder = tmp_path / "m"
    save_model(tagger(tiny_encoder), folder)
    config = json.loads((folder / "encoder" / "config.json").read_text())
    config.update(model_type="evil",
                  auto_map={"AutoConfig": "evil.EvilConfig", "AutoModel": "evil.EvilModel"})
    (folder / "encoder" / "config.json").write_text(json.dumps(config))
    (folder / "encoder" / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass EvilConfig: "
                                                "pass\n")
    monkeypatch.setattr("builtins.input", lambda *a: pytest.fail("the user was asked to run code"))
    with pytest.raises(ModelError):
        load_model(folder)
    assert not (tmp_path / "ran").exists()


def test_a_path_that_only_looks_like_ours_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gmner_cli.tagger").mkdir()
    (tmp_path / "gmner_cli.tagger" / "evil.py").write_text("open('ran', 'w')")
    with pytest.raises(ModelError, match="wants to run code"):
        find_class("gmner_cli.tagger/evil.py:X")
    assert not (tmp_path / "ran").exists()


def test_init_copies_what_fits_and_leaves_heads_of_other_labels(tiny_encoder, tmp_path):
    first = tagger(tiny_encoder, seed=1)
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(torch.randn_like(parameter))
    save_model(first, tmp_path / "first")
    same, other = tagger(tiny_encoder, seed=2), tagger(tiny_encoder, OTHERS, seed=2)
    fresh = other.head.weight.clone()
    used, held = init_from(same, tmp_path / "first")
    assert used == held and torch.equal(same.head.weight, first.head.weight)
    used, held = init_from(other, tmp_path / "first")
    assert used < held and torch.equal(other.head.weight, fresh)
    assert torch.equal(other.encoder.base.embeddings.word_embeddings.weight,
                       first.encoder.base.embeddings.word_embeddings.weight)


@pytest.mark.parametrize(("settings", "reason"), [({"train_embeddings": False, "train_layers": 1}, "frozen"),
                                                  ({"lora_rank": 2}, "only"),
                                                  ({"lora_rank": 2}, "tensors fit")])
def test_init_refuses_what_would_not_be_saved(tiny_encoder, tmp_path, settings, reason):
    save_model(tagger(tiny_encoder, seed=1), tmp_path / "first")
    with pytest.raises(ModelError, match=reason):
        init_from(tagger(tiny_encoder, seed=2, **settings), tmp_path / "first")


def test_set_changes_a_loaded_model_only_where_that_can_work(tiny_encoder, tmp_path):
    save_model(tagger(tiny_encoder, lora_rank=2), tmp_path / "m")
    moved = tiny.save_bert(tmp_path / "moved")

    def built(*overrides):
        made = build.build(recipes.load("mini", overrides), CPU, NO_PICTURES, weights={"ner": tmp_path / "m"},
                           offline=True)
        return next(stage for stage in made if stage.name == "ner")

    assert built().model.config.encoder == str(tiny_encoder)
    assert built(f"encoder={moved}").model.config.encoder == str(moved)
    with pytest.raises(UsageError, match="'max_length' was fixed") as problem:
        built("max_length=32")
    assert "encoder can be changed" in problem.value.hint


def test_an_adapter_is_not_put_on_another_encoder(tiny_encoder, tmp_path):
    save_model(tagger(tiny_encoder, lora_rank=2), tmp_path / "m")
    other = tiny.save_bert(tmp_path / "other")
    from safetensors.torch import load_file, save_file

    weights = load_file(other / "model.safetensors")
    save_file({k: v + 1 for k, v in weights.items()}, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="trained on other weights"):
        load_model(tmp_path / "m", changes={"encoder": str(other)})


def test_a_model_that_writes_into_entities_cannot_touch_gold(tiny_encoder):
    from tests.dummies.colour_tagger import ColourTagger

    class Boxer(ColourTagger):
        finds = ("boxes",)
        reads_images = False

        def predict(self, batch):
            return [None] * len(batch["ids"])

        def write(self, posts, examples, outputs):
            for post in posts:
                for entity in post.entities:
                    assert entity.boxes is None
                    entity.boxes = [(0.0, 0.0, 1.0, 1.0)]

    gold = [Post(id="1", text="Ada", entities=[Entity(start=0, end=3, type="PER", boxes=[])])]
    found = predict_posts(Boxer(ColourTagger.Config(), {"types": ["PER"]}, None), gold, CPU, 4)
    assert gold[0].entities[0].boxes == [] and found[0].entities[0].boxes == [(0.0, 0.0, 1.0, 1.0)]


def test_hub_weights_are_used_in_float32_and_a_broken_off_download_goes_on(tmp_path, monkeypatch):
    from transformers import BertModel

    folder = tiny.save_bert(tmp_path / "half")
    BertModel.from_pretrained(folder).half().save_pretrained(folder)
    assert hub.pretrained_model(BertModel, str(folder)).dtype == torch.float32
    import huggingface_hub

    empty = tmp_path / "snapshot"
    empty.mkdir()
    (empty / "config.json").write_text("{}")
    asked = []

    def snapshot(source, allow_patterns, local_files_only=False):
        asked.append(local_files_only)
        return str(empty if local_files_only else folder)

    class Api:
        def model_info(self, *args, **kwargs):
            return type("Info", (), {"siblings": []})()

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    assert hub.resolve("some/model") == folder and asked == [True, False]
    with pytest.raises(ModelError, match="no \\*.safetensors"):
        hub.resolve("some/model", offline=True)


def test_damaged_hub_files_are_one_clear_error(tmp_path):
    from transformers import BertModel

    folder = tiny.save_bert(tmp_path / "damaged")
    (folder / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0garbage")
    with pytest.raises(ModelError, match="BertModel cannot be loaded"):
        hub.pretrained_model(BertModel, str(folder))


def test_special_tokens_in_a_tweet_are_ordinary_characters(tiny_encoder):
    model = tagger(tiny_encoder)
    ids = [i for word in model.encoder.pieces([["[SEP]", "a"]])[0] for i in word]
    assert model.encoder.tokenizer.sep_token_id not in ids


def test_a_window_that_begins_inside_an_entity_asks_for_no_forbidden_start(tiny_encoder):
    model = tagger(tiny_encoder)
    text = " ".join(["Abcdefgh"] * 60)
    post = Post(id="1", text=text, entities=[Entity(start=0, end=len(text), type="PER")])
    examples = model.examples([post], training=True)
    tags = model.collate(examples, [None])["tags"]
    assert len(examples) == 1 and model.labels[tags[0, 0]] == "B-PER"
    short = Post(id="2", text=f"x {text} x",
                 entities=[Entity(start=2, end=20, type="PER"),
                           Entity(start=200, end=299, type="PER")])
    for example in model.examples([short], training=True):
        tags = model.collate([example], [None])["tags"][0]
        assert not model.labels[tags[0]].startswith("I-")
        assert len(tags) == len(example.data.pieces) == len(example.data.words)

"""The tagger: what it reads, what it may not read, and that a checkpoint is the model."""

from __future__ import annotations

import msgspec
import pytest
import torch

from gmner_cli.classes.class_paths import new_model
from gmner_cli.compute import runtime
from gmner_cli.errors import GmnerError, ModelError, UsageError
from gmner_cli.flow.model_stage import predict_posts
from gmner_cli.records import Entity, Knowledge, Post
from gmner_cli.weights.model_folder import WEIGHTS, load_model, save_model
from tests import tiny

TAGGER = "gmner_cli.ner.crf_tagger:CrfTagger"
POSTS = [
    Post(id="1", text="Allen swims in London",
         entities=[Entity(start=0, end=5, type="PER"),
                   Entity(start=15, end=21, type="LOC")]),
    Post(id="2", text="", entities=[]),
    Post(id="3", text="NASA", entities=[Entity(start=0, end=4, type="ORG")])
]
CPU = runtime.Runtime(torch.device("cpu"))


def tagger(encoder, posts=POSTS, **settings):
    torch.manual_seed(0)
    return new_model(TAGGER, {"encoder": str(encoder), "max_length": 64, **settings}, posts, recipe="test",
                     offline=True).eval()


@pytest.mark.parametrize("settings", [
    {}, {"lora_rank": 4}, {"train_embeddings": False, "train_layers": 1, "case_embeddings": True},
    {"lora_rank": 4, "save_dtype": "float16", "case_embeddings": True}])
def test_a_saved_tagger_predicts_the_same(tiny_encoder, tmp_path, settings):
    model = tagger(tiny_encoder, **settings)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter)).copy_(parameter.half().float())
    save_model(model, tmp_path / "m")
    again = load_model(tmp_path / "m", offline=True)
    first, second = (predict_posts(m, POSTS, CPU, 4) for m in (model, again))
    assert [msgspec.to_builtins(p.entities)
            for p in first] == [msgspec.to_builtins(p.entities) for p in second]
    again.prepare_to_predict()
    merged = predict_posts(again, POSTS, CPU, 4)
    assert [[(e.span, e.type) for e in p.entities] for p in merged] == [[(e.span, e.type)
                                                                         for e in p.entities]
                                                                        for p in first]
    stands_alone = not settings
    assert (tmp_path / "m" / "encoder").exists() == stands_alone


def test_an_adapter_checkpoint_holds_only_what_was_trained(tiny_encoder, tmp_path):
    save_model(tagger(tiny_encoder, lora_rank=4), tmp_path / "lora")
    save_model(tagger(tiny_encoder), tmp_path / "full")
    assert (tmp_path / "lora" / WEIGHTS).stat().st_size < (tmp_path / "full" / WEIGHTS).stat().st_size / 2


def test_gold_is_not_read_while_predicting(tiny_encoder):
    model = tagger(tiny_encoder)
    changed = [msgspec.structs.replace(p, entities=None) for p in POSTS]
    one, two = predict_posts(model, POSTS, CPU, 4), predict_posts(model, changed, CPU, 1)
    assert [msgspec.to_builtins(p.entities) for p in one] == [msgspec.to_builtins(p.entities) for p in two]
    assert POSTS[0].entities[0].type == "PER", "the posts given must not change"


def test_knowledge_is_read_but_never_tagged_and_gives_way_before_the_post(tiny_encoder):
    model = tagger(tiny_encoder, knowledge=True)
    known = Post(id="1", text="Allen swims",
                 knowledge=[Knowledge(text="a very long story " * 30),
                            Knowledge(text="x")])
    (example,) = model.examples([known], training=False)
    assert len(example.data.pieces) == 2 and example.length <= 64
    assert sum(map(len, example.data.pieces)) == 10, "the post's own sub-words are all there"
    batch = model.collate([example], [None])
    assert batch["ids"].shape == (1, 64) and batch["first"].shape == (1, 2)
    assert batch["kinds"][0].tolist() == [0] * 12 + [1] * 52
    assert len(model.examples([msgspec.structs.replace(known, entities=[])],
                              training=True)) == 2, "a sample per entry"
    assert len(
        tagger(tiny_encoder, knowledge=True,
               augment=False).examples([msgspec.structs.replace(known, entities=[])], training=True)) == 1
    said = msgspec.structs.replace(
        known, entities=[], knowledge=[Knowledge(text="a", source="a"),
                                       Knowledge(text="b c", source="b")])
    one = tagger(tiny_encoder, knowledge=True, knowledge_source="b")
    assert [e.data.extra for e in one.examples([said], training=True)] == [one.encoder.encode(["b c"])[0]]
    assert one.examples([msgspec.structs.replace(said, knowledge=said.knowledge[:1])],
                        training=False)[0].data.extra == []
    blind = tagger(tiny_encoder)
    assert blind.examples([known], training=False)[0].data.extra == []


def test_a_long_post_is_read_in_windows_and_every_word_is_tagged(tiny_encoder):
    model = tagger(tiny_encoder)
    text = " ".join(f"Word{i}" for i in range(120))
    examples = model.examples([Post(id="1", text=text)], training=False)
    assert len(examples) > 2 and all(e.length <= 64 for e in examples)
    (post,) = predict_posts(model, [Post(id="1", text=text)], CPU, 4)
    for entity in post.entities:
        assert text[entity.start:entity.end] == entity.text


def test_batches_do_not_change_the_answer(tiny_encoder):
    model = tagger(tiny_encoder)
    posts = [Post(id=str(i), text="Ada sees Bob " * (1 + i % 4)) for i in range(9)]
    alone, together = (predict_posts(model, posts, CPU, size) for size in (1, 9))
    assert [[(e.span, e.type) for e in p.entities] for p in alone] == [[(e.span, e.type)
                                                                        for e in p.entities]
                                                                       for p in together]


def test_errors_help(tiny_encoder, tmp_path):
    with pytest.raises(GmnerError, match="nothing to learn"):
        tagger(tiny_encoder, posts=[Post(id="1", text="a", entities=[])])
    with pytest.raises(UsageError, match="lora_rnak") as problem:
        tagger(tiny_encoder, lora_rnak=3)
    assert "lora_rank" in problem.value.hint
    with pytest.raises(UsageError, match="positions"):
        tagger(tiny_encoder, max_length=512)
    save_model(tagger(tiny_encoder), tmp_path / "m")
    with pytest.raises(ModelError, match="trained as"):
        load_model(tmp_path / "m", wanted="gmner_cli.other:Model", recipe="other")
    (tmp_path / "m" / WEIGHTS).write_bytes(b"\x80\x04pickle")
    with pytest.raises(ModelError, match="pickle"):
        load_model(tmp_path / "m")
    (tmp_path / "m" / WEIGHTS).write_bytes(b"\x10\0\0\0")
    with pytest.raises(ModelError, match="damaged"):
        load_model(tmp_path / "m")
    (tmp_path / "m" / WEIGHTS).unlink()
    (tmp_path / "m" / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match="no such file") as problem:
        load_model(tmp_path / "m")
    assert "never loaded" in problem.value.hint
    with pytest.raises(ModelError, match="no such model folder"):
        load_model(tmp_path / "absent")


def test_training_is_repeatable_although_batches_are_made_in_a_thread(tiny_encoder, tmp_path):
    from gmner_cli.training.loop import fit
    from gmner_cli.training.settings import parse_train

    posts = [
        Post(id=str(i), text=f"Ada met Bob in Paris {i}", entities=[Entity(start=0, end=3, type="PER")])
        for i in range(12)
    ]
    weights = []
    for attempt in ("one", "two"):
        model = tagger(tiny_encoder, posts=posts, word_dropout=0.3, dropout=0.3)
        fit(model, posts, posts[:2], parse_train({"epochs": 3, "batch_size": 2, "lr": 1e-3}, "t"),
            tmp_path / attempt, CPU, seed=5)
        weights.append((tmp_path / attempt / WEIGHTS).read_bytes())
    assert weights[0] == weights[1]


@pytest.mark.parametrize("high", [True, False])
def test_which_layers_have_the_rate_of_the_head(tiny_encoder, high):
    model = tagger(tiny_encoder, linear_at_head_lr=high)
    rates = {id(p): group["lr"] for group in model.parameter_groups(1e-5, 1e-2) for p in group["params"]}
    assert {rates[id(p)]
            for p in model.crf.parameters()} == {1e-2} and {rates[id(p)]
                                                            for p in model.encoder.parameters()} == {1e-5}
    assert {rates[id(p)] for p in model.head.parameters()} == {1e-2 if high else 1e-5}
    assert len(rates) == sum(1 for _ in model.parameters())


def test_attention_dropout_alone_can_be_left_out(tiny_encoder):
    torch.manual_seed(0)
    for wanted, same in ((None, False), (0.0, True)):
        model = tagger(tiny_encoder, dropout=0.0, attention_dropout=wanted).train()
        for name, part in model.encoder.named_modules():
            if isinstance(part, torch.nn.Dropout) and "attention.self" not in name:
                part.p = 0.0  # what is left is the dropout on attention weights
        batch = model.collate(model.examples(POSTS, training=True), [None, None])
        first, second = model.emissions(batch), model.emissions(batch)
        assert torch.equal(first, second) is same


def test_word_dropout_hides_whole_words_and_nothing_else(tiny_encoder):
    model = tagger(tiny_encoder, word_dropout=0.5).train()
    seen = {}

    class Spy(torch.nn.Module):
        def forward(self, ids, mask, kinds, cases):
            seen["ids"] = ids
            return torch.zeros(*ids.shape, model.encoder.width)

    inner = model.encoder
    batch = model.collate(model.examples([Post(id="1", text="alpha beta gamma delta", entities=[])], True),
                          [None])
    spy = Spy()
    spy.hidden_piece, spy.width = inner.hidden_piece, inner.width
    model.encoder = spy
    torch.manual_seed(3)
    model.emissions(batch)
    hidden = (seen["ids"] == inner.tokenizer.mask_token_id)[0]
    owner = batch["owner"][0]
    assert hidden.any() and not hidden[owner == 0].any()
    for number in range(1, 5):
        assert hidden[owner == number].all() or not hidden[owner == number].any()
    model.eval().emissions(batch)
    assert (seen["ids"] == batch["ids"]).all()


def test_a_byte_level_vocabulary_sees_words_as_in_running_text(tmp_path):
    """RoBERTa marks a word's beginning by its space; words encoded apart must carry it, and emoji come in
    bytes."""
    model = tagger(tiny.save_roberta(tmp_path))
    (example,) = model.examples([Post(id="1", text="Ada sees 🐶 Bob", entities=[])], training=False)
    pieces = model.encoder.tokenizer.convert_ids_to_tokens
    assert [pieces(p)[0][0] for p in example.data.pieces] == ["Ġ"] * 4
    running = model.encoder.tokenizer(" Ada sees 🐶 Bob", add_special_tokens=False).input_ids
    assert [i for p in example.data.pieces for i in p] == running
    (post,) = predict_posts(model, [Post(id="1", text="Ada sees 🐶 Bob")], CPU, 1)
    assert all(post.text[e.start:e.end] == e.text for e in post.entities)
    with pytest.raises(UsageError, match="64 positions"):
        tagger(tmp_path, max_length=66)

"""Text encoders of every family: where each keeps its layers, embeddings and tokens is found, not assumed."""

from __future__ import annotations

import json

import msgspec
import pytest
import torch

from gmner_cli.errors import UsageError
from gmner_cli.flow.model_stage import predict_posts
from gmner_cli.model import WeightSource
from gmner_cli.ner.encoder import CASES, EncoderConfig, TextEncoder
from gmner_cli.records import Entity, Knowledge, Post
from gmner_cli.weights.hub import _PATTERNS
from gmner_cli.weights.model_folder import WEIGHTS, load_model, read_tensors, save_model
from tests import tiny
from tests.ner.test_crf_tagger import CPU, tagger

POSTS = [Post(id="1", text="Allen swims in London", knowledge=[Knowledge(text="he swims")],
              entities=[Entity(start=0, end=5, type="PER"), Entity(start=15, end=21, type="LOC")]),
         Post(id="2", text="NASA 🐶 [SEP]", entities=[Entity(start=0, end=4, type="ORG")])]
FAMILIES = tuple(tiny.TEXT_NETS)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """``checkpoint(family)``: the folder of a random network of it, made once."""
    made = {}

    def of(family):
        if family not in made:
            made[family] = tiny.save_text_net(tmp_path_factory.mktemp("net"), family)
        return made[family]

    return of


def encoder(folder, **settings):
    torch.manual_seed(0)
    config = EncoderConfig(encoder=str(folder), max_length=60, **settings)
    return TextEncoder(config, WeightSource(offline=True)).eval()


def ids_of(reader, text="Ada met Bob"):
    (words,) = reader.pieces([text.split()])
    return torch.tensor([[*reader.frame.start, *sum(words, []), *reader.frame.stop]])


@pytest.mark.parametrize("settings", [
    {}, {"lora_rank": 4, "case_embeddings": True},
    {"train_embeddings": False, "train_layers": 1, "case_embeddings": True},
    {"word_dropout": 0.5, "knowledge": True, "case_embeddings": True}], ids=["whole", "lora", "part", "more"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_tagger_on_it_is_trained_saved_and_loaded(checkpoint, family, settings, tmp_path):
    model = tagger(checkpoint(family), POSTS, max_length=60, **settings).train()
    batch = model.collate(model.examples(POSTS, training=True), [None, None])
    model.loss(batch).backward()
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert all(p.grad is not None for p in trained.values()), "what is not used would be saved"
    with torch.no_grad():
        for parameter in trained.values():
            parameter.add_(0.1 * torch.randn_like(parameter))
    first = predict_posts(model.eval(), POSTS, CPU, 4)
    save_model(model, tmp_path / "m")
    assert set(read_tensors(tmp_path / "m" / WEIGHTS)) == set(trained)
    again = load_model(tmp_path / "m", offline=True)
    assert [msgspec.to_builtins(p.entities) for p in predict_posts(again, POSTS, CPU, 4)] == [
        msgspec.to_builtins(p.entities) for p in first]
    again.prepare_to_predict()
    assert len(predict_posts(again, POSTS, CPU, 1)) == len(POSTS)


@pytest.mark.parametrize("family", ["bart", "t5"])
def test_of_an_encoder_decoder_the_encoder_is_read_and_kept(checkpoint, family, tmp_path):
    from transformers import AutoModel

    whole = AutoModel.from_pretrained(checkpoint(family)).eval()
    model = tagger(checkpoint(family), POSTS, max_length=60)
    ids = ids_of(model.encoder)
    mask = torch.ones_like(ids)
    wanted = whole(input_ids=ids, attention_mask=mask, decoder_input_ids=ids).encoder_last_hidden_state
    assert torch.equal(model.encoder(ids, mask), wanted) and model.encoder.width == wanted.shape[-1]
    save_model(model, tmp_path / "m")
    names = [name.removeprefix("encoder.base.") for name in read_tensors(tmp_path / "m" / WEIGHTS)]
    kept = {name for name in names if not name.startswith(("head.", "crf."))}
    # The table of words is stored once, as the encoder's own.
    assert kept == {name for name, _ in whole.get_encoder().named_parameters()}


@pytest.mark.parametrize("family", FAMILIES)
def test_case_embeddings_are_as_wide_as_the_input_embeddings_and_change_nothing_at_first(checkpoint, family):
    plain, cased = encoder(checkpoint(family)), encoder(checkpoint(family), case_embeddings=True)
    ids = ids_of(plain)
    mask, cases = torch.ones_like(ids), torch.full_like(ids, CASES.index("title"))
    assert cased.cases.weight.shape == (len(CASES), plain.base.get_input_embeddings().weight.shape[1])
    assert torch.allclose(cased(ids, mask, None, cases), plain(ids, mask), atol=1e-6)
    with torch.no_grad():
        cased.cases.weight.normal_()
    assert not torch.allclose(cased(ids, mask, None, cases), plain(ids, mask), atol=1e-3)


LAYERS = {
    "albert": (None, "encoder.albert_layer_groups.0."),
    "albert of two groups": ("encoder.albert_layer_groups.0.", "encoder.albert_layer_groups.1."),
    "distilbert": ("transformer.layer.1.", "transformer.layer.2."), "modernbert": ("layers.1.", "layers.2."),
    "t5": ("block.1.", "block.2."), "bart": ("layers.1.", "layers.2.")}
"""Where the next lower layer's weights are, and the uppermost's; None where all layers share theirs."""


@pytest.mark.parametrize("family", FAMILIES)
def test_which_layers_are_trained_and_whether_the_embeddings_are(checkpoint, family):
    below, top = LAYERS.get(family, ("encoder.layer.1.", "encoder.layer.2."))

    def trained(**settings):
        reader = encoder(checkpoint(family), **settings)
        words = reader.base.get_input_embeddings().weight.requires_grad
        return {name for name, p in reader.base.named_parameters() if p.requires_grad}, words

    everything, words = trained()
    fixed = {"encoder.embed_positions.weight"} if family == "roformer" else set()
    assert words and everything == {n for n, _ in encoder(checkpoint(family)).base.named_parameters()} - fixed
    one, words = trained(train_layers=1)
    assert words and all(name in one for name in everything if name.startswith(top))
    assert below is None or not any(name.startswith(below) for name in one)
    more, _ = trained(train_layers=3 if "groups" in family else 2)  # there two layers share the lower one
    assert below is None or all(name in more for name in everything if name.startswith(below))
    none, words = trained(train_layers=0, train_embeddings=False)
    assert not words and not any(name.startswith((below or top, top)) for name in none)
    assert not trained(train_embeddings=False)[1]


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "t5"])
def test_dropout_on_attention_is_set_whatever_it_is_called(checkpoint, family, tmp_path):
    def passes(value):
        """Two passes in training, in which nothing else is dropped."""
        reader = encoder(tmp_path, attention_dropout=value).train()
        ids = ids_of(reader, "Ada met Bob in London")
        return [reader(ids, torch.ones_like(ids)) for _ in range(2)]

    for file in checkpoint(family).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config.update({name: 0.0 for name in config if "drop" in name})
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert torch.equal(*passes(0.0)) and not torch.equal(*passes(0.5))


@pytest.mark.parametrize("family", ["bertweet", "xlm-r", "bart"])
def test_a_download_from_the_hub_brings_all_its_files(checkpoint, family):
    assert [path.name for path in checkpoint(family).iterdir() if not any(map(path.match, _PATTERNS))] == []


def test_a_family_with_one_dropout_for_all_says_so(checkpoint):
    with pytest.raises(UsageError, match="no dropout for its attention alone") as problem:
        encoder(checkpoint("t5"), attention_dropout=0.0)
    assert "null" in problem.value.hint


def test_a_slow_tokenizer_reads_words_as_in_running_text_and_a_checkpoint_does_too(checkpoint, tmp_path):
    model = tagger(checkpoint("bertweet"), POSTS, max_length=60)
    tokenizer = model.encoder.tokenizer
    assert not tokenizer.is_fast
    words = ["Allen", "swims", "in", "London", "</s>", "<mask>", "@ann"]
    (pieces,) = model.encoder.pieces([words])
    assert tokenizer.convert_ids_to_tokens(pieces[3]) == ["Lo@@", "nd@@", "on"]
    assert sum(pieces[:4], []) == tokenizer(" ".join(words[:4]), add_special_tokens=False).input_ids
    assert not {tokenizer.sep_token_id, tokenizer.mask_token_id} & set(sum(pieces, []))
    save_model(model, tmp_path / "m")
    again = load_model(tmp_path / "m", offline=True)
    assert again.encoder.pieces([words]) == [pieces]
    save_model(again, tmp_path / "n")
    assert load_model(tmp_path / "n", offline=True).encoder.pieces([words]) == [pieces], "and its own too"
    save_model(again, tmp_path / "m")
    assert load_model(tmp_path / "m", offline=True).encoder.pieces([words]) == [pieces], "also over itself"


def test_without_start_and_mask_tokens_what_is_read_ends_with_the_end_token(checkpoint):
    model = tagger(checkpoint("t5"), POSTS, max_length=60, knowledge=True, word_dropout=0.9).train()
    examples = model.examples(POSTS[:1], training=True)
    batch = model.collate(examples, [None])
    tokenizer = model.encoder.tokenizer
    tokens = tokenizer.convert_ids_to_tokens(batch["ids"][0].tolist())
    assert "".join(tokens) == "▁Allen▁swims▁in▁London</s>▁he▁swims</s>" and tokenizer.cls_token_id is None
    assert examples[0].length == len(tokens) and batch["first"][0].tolist() == [0, 6, 12, 15]
    assert batch["kinds"][0].sum() == len("▁he▁swims") + 1
    seen = []
    model.encoder.base.register_forward_pre_hook(
        lambda _, args, inputs: seen.append(inputs["input_ids"]), with_kwargs=True)
    model.emissions(batch)
    hidden = seen[0] != batch["ids"]
    assert hidden.any() and not hidden[batch["owner"] == 0].any()
    assert set(seen[0][hidden].tolist()) == {tokenizer.unk_token_id}


@pytest.mark.parametrize("family", ["xlm-r", "bertweet"])
def test_more_positions_than_there_are_is_said_also_where_the_tokenizer_does_not_know(checkpoint, family):
    with pytest.raises(UsageError, match="max_length 65 is more than the encoder's 64 positions"):
        tagger(checkpoint(family), POSTS, max_length=65)
    model = tagger(checkpoint(family), POSTS, max_length=64)
    assert predict_posts(model, [Post(id="1", text="a " * 200)], CPU, 4)[0].entities is not None


def test_what_is_no_text_encoder_says_what_to_do(tmp_path):
    from transformers import CLIPConfig, CLIPModel, FunnelConfig, FunnelModel

    small = {**tiny.SMALL, "num_hidden_layers": 1}
    looks = {**small, "image_size": 16, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config={**small, "vocab_size": 200}, vision_config=looks)
              ).save_pretrained(tmp_path / "clip")
    FunnelModel(FunnelConfig(vocab_size=200, block_sizes=[2, 1], d_model=32, n_head=2, d_head=16, d_inner=64)
                ).save_pretrained(tmp_path / "funnel")
    for name in ("clip", "funnel"):
        tiny.bert_tokenizer().save_pretrained(tmp_path / name)
    with pytest.raises(UsageError, match="cannot be used as a text encoder") as problem:
        encoder(tmp_path / "clip")
    assert "take a text encoder, such as BERT" in problem.value.hint
    with pytest.raises(UsageError, match="cannot be used with case_embeddings") as problem:
        encoder(tmp_path / "clip", case_embeddings=True)
    assert "case_embeddings" in problem.value.hint
    with pytest.raises(UsageError, match="train_layers: the layers of .* are not known") as problem:
        encoder(tmp_path / "funnel", train_layers=1)
    assert "train_layers=-1" in problem.value.hint and encoder(tmp_path / "funnel").width == 32

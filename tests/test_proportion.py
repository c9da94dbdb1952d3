"""Checkpoints that promise more than their weights can hold, or hold what would be waited for, are refused
before anything is built."""

from __future__ import annotations

import json
import os
import shutil
import struct
import time
import zipfile
from pathlib import Path

import pytest
import torch

from gmner_cli.errors import ModelError
from gmner_cli.segmentation.checkpoints import build_sam, read_checkpoint
from gmner_cli.weights import hub
from gmner_cli.weights.model_folder import load_model
from gmner_cli.weights.proportion import check_folder
from tests.conftest import ROOT
from tests.tiny import save_bert, save_blip, save_florence, save_grounding_dino, save_roberta, save_sam

WEIGHTS = ROOT / "gmner_cli" / "recipes" / "weights"


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return save_bert(tmp_path_factory.mktemp("bert"))


def changed(source: Path, to: Path, file: str = "config.json", within: str | None = None, **values) -> Path:
    """A copy of a model folder whose config says otherwise."""
    shutil.copytree(source, to)
    content = json.loads((to / file).read_text())
    (content if within is None else content[within]).update(values)
    (to / file).write_text(json.dumps(content))
    return to


HOSTILE = [{"num_hidden_layers": 1_000_000}, {"vocab_size": 10 ** 9}, {"hidden_size": 10 ** 6},
           {"intermediate_size": 10 ** 8}, {"max_position_embeddings": 10 ** 8},
           {"type_vocab_size": 10 ** 10}, {"num_hidden_layers": 900, "hidden_size": 16_000},
           {"num_labels": 10 ** 9}, {"num_hidden_layers": 10 ** 400}]


@pytest.mark.parametrize("values", HOSTILE, ids=lambda v: " ".join(f"{k}" for k in v))
def test_a_config_out_of_proportion_is_refused_at_once(bert, tmp_path, values):
    from transformers import AutoModel

    folder = changed(bert, tmp_path / "m", **values)
    began = time.perf_counter()
    with pytest.raises(ModelError) as caught:
        hub.pretrained_model(AutoModel, str(folder))
    assert time.perf_counter() - began < 5
    assert "config.json" in caught.value.where and len(str(caught.value)) < 1500


@pytest.mark.parametrize("save",
                         [save_bert, save_roberta, save_blip, save_florence, save_grounding_dino, save_sam],
                         ids=lambda f: f.__name__)
def test_what_is_sound_passes(tmp_path, save):
    check_folder(save(tmp_path / "m"))


@pytest.mark.parametrize("folder", sorted({path.parent for path in WEIGHTS.rglob("*.safetensors")}),
                         ids=lambda p: str(p.relative_to(WEIGHTS)))
def test_so_do_the_weights_that_come_with_the_tool(folder):
    check_folder(folder)


REAL = {
    "bert-large": (1_340_000_000, 30_522, {
        "hidden_size": 1024, "num_hidden_layers": 24, "intermediate_size": 4096, "vocab_size": 30_522,
        "max_position_embeddings": 512
    }),
    "albert-xxlarge": (890_000_000, 30_000, {
        "hidden_size": 4096, "num_hidden_layers": 12, "intermediate_size": 16_384, "vocab_size": 30_000,
        "embedding_size": 128
    }),
    "xlm-roberta-base": (1_112_000_000, 250_002, {
        "hidden_size": 768, "num_hidden_layers": 12, "vocab_size": 250_002, "max_position_embeddings": 514
    }),
    "Qwen2.5-0.5B": (988_000_000, 151_936, {
        "hidden_size": 896, "num_hidden_layers": 24, "intermediate_size": 4864, "vocab_size": 151_936,
        "max_position_embeddings": 32_768, "max_window_layers": 24, "sliding_window": 32_768,
        "bos_token_id": 151_643, "rope_theta": 1_000_000
    }),
    "Llama-3.2-1B": (2_470_000_000, 128_256, {
        "hidden_size": 2048, "num_hidden_layers": 16, "intermediate_size": 8192, "vocab_size": 128_256,
        "max_position_embeddings": 131_072, "rope_scaling": {"original_max_position_embeddings": 8192}
    }),
    "Qwen2.5-72B-AWQ": (41_000_000_000, 152_064, {
        "hidden_size": 8192, "num_hidden_layers": 80, "intermediate_size": 29_568, "vocab_size": 152_064,
        "max_position_embeddings": 32_768
    }),
    "Llama-4-Scout": (218_000_000_000, 202_048, {
        "text_config": {
            "hidden_size": 5120, "num_hidden_layers": 48, "max_position_embeddings": 10_485_760,
            "num_local_experts": 16
        }
    }),
    "SmolLM2-135M": (269_000_000, 49_152, {
        "hidden_size": 576, "num_hidden_layers": 30, "intermediate_size": 1536, "vocab_size": 49_152,
        "max_position_embeddings": 8192
    }),
    "sam-vit-huge": (2_560_000_000, 5120, {
        "vision_config": {
            "hidden_size": 1280, "num_hidden_layers": 32, "image_size": 1024, "patch_size": 16,
            "mlp_dim": 5120
        }
    }),
    "Florence-2-large": (1_540_000_000, 51_289, {
        "vision_config": {"depths": [1, 1, 9, 1], "embed_dim": [256, 512, 1024, 2048]}, "text_config": {
            "d_model": 1024, "encoder_layers": 12, "decoder_layers": 12, "vocab_size": 51_289,
            "max_position_embeddings": 4096
        }
    }),
}


@pytest.mark.parametrize("name", REAL)
def test_published_models_pass_by_their_figures(tmp_path, name):
    size, largest, config = REAL[name]
    (tmp_path / "config.json").write_text(json.dumps(config))
    head = json.dumps({"w": {"dtype": "F16", "shape": [largest, 1], "data_offsets": [0,
                                                                                     2 * largest]}}).encode()
    with open(tmp_path / "model.safetensors", "wb") as stream:
        stream.write(struct.pack("<Q", len(head)) + head)
        stream.truncate(size)  # a hole; nothing is written
    check_folder(tmp_path)


@pytest.mark.parametrize("file, within, values",
                         [("config.json", "config", {"lora_rank": 10 ** 9}),
                          ("config.json", "config", {"train_layers": 10 ** 6}),
                          ("config.json", "facts", {"types": [f"T{n}" for n in range(200_000)]}),
                          ("encoder/config.json", None, {"num_hidden_layers": 1_000_000}),
                          ("encoder/config.json", None, {"hidden_size": 10 ** 7}),
                          ("encoder/config.json", None, {"vocab_size": 10 ** 9})])
def test_a_trained_folder_out_of_proportion(tiny_tagger, tmp_path, file, within, values):
    folder = changed(tiny_tagger, tmp_path / "m", file, within, **values)
    began = time.perf_counter()
    with pytest.raises(ModelError, match="hint: the file is damaged"):
        load_model(folder)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("values", [{"hidden_size": "wide"}, {"num_attention_heads": 7},
                                    {"hidden_act": "none such"}, {"num_hidden_layers": -1.5}], ids=str)
def test_a_trained_folder_whose_network_cannot_be_built_says_so(tiny_tagger, tmp_path, values):
    with pytest.raises(ModelError):
        load_model(changed(tiny_tagger, tmp_path / "m", "encoder/config.json", **values))


@pytest.mark.parametrize(
    "name",
    ["config.json", "tokenizer.json", "encoder/config.json", "encoder/tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("kind", ["FIFO", "device"])
def test_a_file_that_would_be_waited_for(tiny_tagger, tmp_path, name, kind):
    shutil.copytree(tiny_tagger, tmp_path / "m")
    path = tmp_path / "m" / name
    path.unlink(missing_ok=True)
    os.mkfifo(path) if kind == "FIFO" else path.symlink_to("/dev/zero")
    for look in (load_model, lambda folder: hub.resolve(str(folder))):
        with pytest.raises(ModelError, match="is not a regular file"):
            look(tmp_path / "m")


def test_prompts_and_answers_that_would_be_waited_for(tmp_path):
    from gmner_cli.errors import GmnerError
    from gmner_cli.language.prompts import _read
    from gmner_cli.language.ready.answers import _is_jsonl

    os.mkfifo(tmp_path / "fifo")
    for read in (_read, _is_jsonl, hub.read_json):
        with pytest.raises(GmnerError, match="is not a regular file"):
            read(tmp_path / "fifo")


def test_a_list_of_tensors_that_is_too_long(bert, tmp_path):
    shutil.copytree(bert, tmp_path / "m")
    with open(tmp_path / "m" / "model.safetensors", "wb") as stream:
        stream.write(struct.pack("<Q", 90_000_000))
        stream.truncate(100_000_000)
    with pytest.raises(ModelError, match="list of tensors"):
        hub.resolve(str(tmp_path / "m"))


def test_a_huge_config_and_a_deep_one(bert, tmp_path):
    shutil.copytree(bert, tmp_path / "m")
    (tmp_path / "m" / "config.json").write_text('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(ModelError, match="cannot be read"):
        hub.read_json(tmp_path / "m" / "config.json")
    (tmp_path / "m" / "config.json").write_text('{"a": "' + "x" * 11_000_000 + '"}')
    with pytest.raises(ModelError, match="is larger than"):
        hub.resolve(str(tmp_path / "m"))


def test_sam_checkpoints_of_tensors_without_their_weights(tmp_path):
    torch.save({"a": torch.zeros(1).expand(10**6, 10**5)}, tmp_path / "wide.pth")
    with pytest.raises(ModelError, match="larger than the file"):
        read_checkpoint(tmp_path / "wide.pth")
    torch.save({"a": torch.zeros(10_000_000)}, tmp_path / "plain.pth")
    with zipfile.ZipFile(tmp_path / "plain.pth") as whole, zipfile.ZipFile(tmp_path / "packed.pth", "w",
                                                                           zipfile.ZIP_DEFLATED) as packed:
        for entry in whole.infolist():
            packed.writestr(entry.filename, whole.read(entry))
    with pytest.raises(ModelError, match="is compressed"):
        read_checkpoint(tmp_path / "packed.pth")
    assert read_checkpoint(tmp_path / "plain.pth")["a"].shape == (10_000_000,)
    os.mkfifo(tmp_path / "fifo.pth")
    with pytest.raises(ModelError, match="is not a regular file"):
        read_checkpoint(tmp_path / "fifo.pth")


def test_a_sam_of_a_million_layers(tmp_path):
    tensors = {
        "image_encoder.pos_embed": torch.zeros(1, 4, 4, 8),
        "image_encoder.patch_embed.proj.weight": torch.zeros(8, 3, 2, 2),
        "image_encoder.blocks.99999999.x": torch.zeros(1)
    }
    with pytest.raises(ModelError, match="is not a SAM"):
        build_sam(tensors)


@pytest.mark.parametrize(
    "file, content, words",
    [("adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": "../elsewhere"
                              }, "holds an adapter"),
     ("model.safetensors.index.json", {"weight_map": {"a": "../../elsewhere/model.safetensors"}
                                       }, "no safetensors file beside it"),
     ("pytorch_model.safetensors.index.json", {"weight_map": {"a": "pytorch_model.bin"}
                                               }, "no safetensors file beside it")])
def test_no_file_of_a_folder_has_others_loaded(bert, tmp_path, file, content, words):
    from transformers import AutoModel

    (shutil.copytree(bert, tmp_path / "m") / file).write_text(json.dumps(content))
    with pytest.raises(ModelError, match=words):
        hub.pretrained_model(AutoModel, str(tmp_path / "m"))


@pytest.mark.parametrize(
    "values",
    [{"attn_implementation": "kernels-community/x"}, {"_attn_implementation": {"text_config": "a/b@c:d"}},
     {"text_config": {"experts_implementation": "a/b"}}], ids=str)
def test_a_config_names_no_code_of_the_hub(bert, tmp_path, values):
    with pytest.raises(ModelError, match="code that does not come with the tool"):
        check_folder(changed(bert, tmp_path / "m", **values))
    check_folder(changed(bert, tmp_path / "n", attn_implementation="sdpa"))


def test_a_file_of_very_many_tensors_is_refused_at_once(bert, tmp_path):
    header = json.dumps(
        {str(i): {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(60_000)}).encode()
    (shutil.copytree(bert, tmp_path / "m") /
     "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(ModelError, match="60000 tensors"):
        check_folder(tmp_path / "m")

"""Linear layers through oneDNN: the same numbers but for the last digits, the same names, and only where they
are asked for."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from gmner_cli.compute import cpu, linear, runtime
from gmner_cli.compute.cpu import Cpu
from gmner_cli.compute.linear import OneDnnLinear, PackedLinear, pack, route
from gmner_cli.compute.runtime import Runtime
from gmner_cli.flow.model_stage import ModelStage, predict_posts
from gmner_cli.records import Entity, Post

CPU = torch.device("cpu")
TODAY, ONEDNN, HALF = Runtime(CPU), Runtime(CPU, onednn=True), Runtime(CPU, "bfloat16")
GENOA = ("processor : 0\nvendor_id\t: AuthenticAMD\nmodel name : AMD EPYC 9B14\n"
         "flags\t\t: fpu sse avx2 avx512f avx512_bf16\n\nprocessor : 1\nvendor_id : other\n")
needs_onednn = pytest.mark.skipif(not linear.available(), reason="this torch has no oneDNN")


@pytest.mark.parametrize(("listing", "slow", "half"), [
    (GENOA, True, True),
    (GENOA.replace("AuthenticAMD", "GenuineIntel"), False, True),
    (GENOA.replace("avx512f avx512_bf16", ""), False, False),  # MKL knows AMD's AVX2
    (GENOA.replace(" avx512_bf16", ""), True, False),
    ("processor : 0\nvendor_id : GenuineIntel\nflags : avx512f amx_bf16 amx_tile\n", False, True),
    ("processor : 0\nBogoMIPS : 50\nFeatures : fp asimd bf16\n", False, True),
    ("", False, False),
    (None, False, False)], ids=["Zen 4", "Intel", "Zen 3", "no bfloat16", "AMX", "ARM", "empty", "not Linux"])
def test_what_a_cpu_can_do_is_read_from_the_system(tmp_path, listing, slow, half):
    if listing is not None:
        (tmp_path / "cpuinfo").write_text(listing)
    found = cpu.this_cpu(tmp_path / "cpuinfo")
    assert (found.slow_in_mkl, found.bfloat16) == (slow, half)


def test_the_route_follows_from_the_cpu_and_bfloat16_is_not_pretended(monkeypatch):
    said = []
    for kind, half in ((Cpu("AuthenticAMD", frozenset({"avx512f"})), "float32"),
                       (Cpu("GenuineIntel", frozenset({"avx512_bf16"})), "bfloat16")):
        monkeypatch.setattr(runtime, "this_cpu", lambda kind=kind: kind)
        routed = kind.slow_in_mkl and torch.backends.mkl.is_available() and linear.available()
        assert runtime.start("cpu", threads=1) == Runtime(CPU, "float32", routed)
        assert runtime.start("cpu", threads=1, precision="bfloat16", tell=said.append).precision == half
    line, = said
    assert "no instructions for bfloat16" in line and "float32" in line


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 40), nn.GELU(), nn.LayerNorm(40), nn.Linear(40, 12, bias=False),
                         nn.Tanh(), nn.Linear(12, 3))


@needs_onednn
@pytest.mark.parametrize("shape", [(24,), (1, 24), (7, 24), (5, 11, 24), (2, 3, 4, 24), (0, 24)])
def test_outputs_and_gradients_are_those_of_torch_but_for_the_last_digits(shape):
    plain, routed = net(), net()
    route(routed, ONEDNN)
    assert [type(layer) for layer in routed if isinstance(layer, nn.Linear)] == [OneDnnLinear] * 3
    assert routed.state_dict().keys() == plain.state_dict().keys()
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    inputs = [x.clone().requires_grad_(True) for _ in range(2)]
    a, b = plain(inputs[0]), routed(inputs[1])
    torch.testing.assert_close(b, a, rtol=1e-5, atol=1e-6)
    for found in (a, b):
        (found * torch.arange(3.0)).sum().backward()
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=1e-4, atol=1e-5)
    for mine, theirs in zip(routed.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-5)


@needs_onednn
def test_frozen_weights_get_no_gradient_and_pass_one_on():
    routed = net().requires_grad_(False)
    route(routed, ONEDNN)
    x = torch.randn(4, 24, requires_grad=True)
    routed(x).sum().backward()
    assert x.grad is not None and all(p.grad is None for p in routed.parameters())


@needs_onednn
@pytest.mark.parametrize("where", [ONEDNN, HALF], ids=["float32", "bfloat16"])
def test_packed_weights_give_what_the_plain_ones_do(where):
    plain, packed = net(), net()
    pack(packed, where)
    assert [type(layer) for layer in packed if isinstance(layer, nn.Linear)] == [PackedLinear] * 3
    assert all(torch.equal(packed.state_dict()[name], value) for name, value in plain.state_dict().items())
    close = {"rtol": 1e-5, "atol": 1e-6} if where is ONEDNN else {"rtol": 0.02, "atol": 0.02}
    for rows in (0, 1, 7, 600):
        x = torch.randn(rows, 24)
        with torch.no_grad(), where.autocast():
            torch.testing.assert_close(packed(x), plain(x), **close)
        again = copy.deepcopy(x).requires_grad_(True)  # who asks for gradients, gets them
        packed(again).sum().backward()
        assert again.grad is not None and (again.grad != 0).any() == (rows > 0)


@needs_onednn
def test_models_too_large_to_hold_twice_are_not_packed(monkeypatch):
    monkeypatch.setattr(linear, "MOST_PACKED", 100)
    large = net()
    pack(large, ONEDNN)
    assert {type(layer) for layer in large if isinstance(layer, nn.Linear)} == {OneDnnLinear}


def test_today_nothing_is_changed_and_only_torchs_own_class_ever_is():
    plain, own = net(), nn.MultiheadAttention(8, 2)
    kind = type(own.out_proj)
    for model, where in ((plain, TODAY), (own, ONEDNN)):
        route(model, where)
        pack(model, where)
    assert {type(layer) for layer in plain if isinstance(layer, nn.Linear)} == {nn.Linear} and type(
        own.out_proj) is kind


@needs_onednn
@pytest.mark.parametrize("rank", [0, 4])
def test_a_tagger_finds_the_same_entities_on_every_route(tiny_encoder, rank):
    from gmner_cli.classes.class_paths import new_model

    posts = [
        Post(id=str(n), text=text)
        for n, text in enumerate(("Ada met Bob", "in Oslo , again", "B" * 40, "so what ?"))
    ]
    gold = [Post(id="0", text="Ada met Bob", entities=[Entity(start=0, end=3, type="PER")])]

    def stage(where):
        torch.manual_seed(0)
        model = new_model("gmner_cli.ner.crf_tagger:CrfTagger",
                          {"encoder": str(tiny_encoder), "max_length": 64, "lora_rank": rank}, gold,
                          recipe="test", offline=True)
        return ModelStage("ner", model, where, 2)

    def entities(found):
        return [[(e.start, e.end, e.type) for e in post.entities] for post in found]

    today = stage(TODAY)(posts)
    routed = stage(ONEDNN)
    assert any(isinstance(layer, PackedLinear) for layer in routed.model.modules())
    found = routed(posts)
    assert any(post.entities for post in today) and entities(found) == entities(today)
    for a, b in zip(today, found, strict=True):
        assert [e.score for e in a.entities] == pytest.approx([e.score for e in b.entities], abs=2e-4)
    half = stage(HALF)
    assert half.model.crf.crf.transitions.dtype == torch.float32
    assert predict_posts(half.model, posts, HALF, 2)[0].entities is not None

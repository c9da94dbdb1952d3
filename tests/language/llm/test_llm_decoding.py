"""Continuing prompts that begin alike: the same tokens as the plain way, and less work."""

from __future__ import annotations

import functools

import pytest
import torch
import transformers

from gmner_cli.language.llm.decoding import Decoder
from gmner_cli.language.llm.packing import Packer, common
from tests.language.llm.tiny_llm import model, plainly, prompts

MOST = 24


def never(tokens):
    return False


def go_on(decoder, prompts, most=MOST, ended=never, width=8):
    made = dict(decoder.run(prompts, width, most, ended))
    assert sorted(made) == list(range(len(prompts)))
    return [made[number] for number in range(len(prompts))]


@pytest.fixture(params=["llama", "mistral", "gemma3", "gpt2", "lfm2"])
def net(request):
    return model(request.param)


class Counting:
    """Counts the tokens that go through a model, and how often it is called."""

    def __init__(self, net):
        self.tokens = self.calls = 0
        net.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, module, args, kwargs):
        self.tokens += kwargs["input_ids"].numel()
        self.calls += 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_prompt_goes_on_as_it_does_alone(net, seed):
    asked = prompts(seed, 7)
    decoder = Decoder(net, {0})
    decoder.share(asked[0][:40])
    made = go_on(decoder, asked)
    assert made == [plainly(net, ids, MOST) for ids in asked]
    assert len({tuple(tokens)
                for tokens in made}) > 1, "the model is deaf to its prompt, and the test says nothing"


def test_without_a_shared_beginning_and_in_any_batch_it_is_the_same(net):
    asked = prompts(4, 5)
    decoder = Decoder(net, {0})
    bare = go_on(decoder, asked)
    decoder.share(asked[0][:40])
    assert go_on(decoder, asked[:2]) + go_on(decoder, asked[2:], width=1) == bare


def test_a_beginning_that_changes_is_computed_only_from_where_it_does():
    net = model("llama")
    decoder = Decoder(net, {0})
    counting = Counting(net)
    first, second = prompts(5, 1, head=50)[0][:50], prompts(6, 1)[0][:12]
    decoder.share(first)
    assert counting.tokens == 50
    decoder.share(first[:30])
    decoder.share(first)
    assert counting.tokens == 50, "what is there is not computed again"
    decoder.share(first[:40] + second)
    assert counting.tokens == 50 + 12
    asked = [first[:40] + second + [7, 8, 9], first[:40] + second + [9]]
    assert go_on(decoder, asked) == [plainly(net, ids, MOST) for ids in asked]


@pytest.mark.parametrize("kind", ["llama", "mistral", "gemma3", "gpt2"])
def test_of_each_prompt_only_its_own_tokens_are_computed(kind):
    net = model(kind)
    asked = [ids[:45] for ids in prompts(1, 6) if len(ids) >= 45]
    assert len(asked) > 2
    decoder = Decoder(net, {0})
    decoder.share(asked[0][:40])
    counting = Counting(net)
    go_on(decoder, asked, most=1)
    assert counting.tokens == 5 * len(asked)


def test_a_prompt_that_is_shared_whole_still_goes_on():
    net = model("llama")
    ids = prompts(8, 1)[0]
    decoder = Decoder(net, {0})
    decoder.share(ids)
    assert go_on(decoder, [ids]) == [plainly(net, ids, MOST)]
    assert go_on(decoder, [ids[:20], ids]) == [plainly(net, ids[:20], MOST), plainly(net, ids, MOST)]


@pytest.mark.parametrize("width", [1, 3, 4])
def test_rows_that_end_give_their_places_to_prompts_that_wait(net, width):
    asked = prompts(9, 13)
    wanted = [plainly(net, ids, MOST) for ids in asked]
    ends = {row: 1 + (5 * row) % 21 for row in range(13)}
    decoder = Decoder(net, {0})
    decoder.share(asked[0][:40])

    def ended(tokens):
        return any(tokens == wanted[row][:end] for row, end in ends.items())

    made = go_on(decoder, asked, ended=ended, width=width)
    first = {
        row: next(n
                  for n in range(1, MOST + 1)
                  if n == len(wanted[row]) or ended(wanted[row][:n]))
        for row in ends
    }
    assert made == [wanted[row][:first[row]] for row in range(13)]


def test_no_place_stays_empty_while_prompts_wait():
    net = model("llama")
    asked = [ids[:41] for ids in prompts(9, 20)]
    decoder = Decoder(net, set())
    decoder.share(asked[0][:40])
    counting = Counting(net)
    seen: list[list[int]] = []

    def ended(tokens):
        if not any(tokens is one for one in seen):
            seen.append(tokens)
        # every other one at its first token
        return next(number for number, one in enumerate(seen) if one is tokens) % 2 == 0

    assert sorted(map(len, go_on(decoder, asked, most=20, ended=ended, width=4))) == [1] * 10 + [20] * 10
    assert counting.calls < 75, "five batches that wait for their longest rows would take 100"


def test_memory_is_the_beginning_and_what_the_rows_need():
    net = model("llama")
    asked = prompts(12, 12)
    shown = []
    decoder = Decoder(net, {0})
    decoder.share(asked[0][:40])
    net.register_forward_pre_hook(lambda module, args, given: shown.append(given["attention_mask"].shape[-1]),
                                  with_kwargs=True)
    go_on(decoder, asked, width=2)
    assert max(shown) <= 40 + 2 * (max(map(len, asked)) - 40 + MOST)


@pytest.mark.parametrize("together", [1, 12, 40])
def test_long_prompts_have_steps_of_their_own(net, together, monkeypatch):
    monkeypatch.setattr("gmner_cli.language.llm.decoding.TOGETHER", together)
    asked = prompts(13, 9)
    assert any(len(ids) - 40 > together for ids in asked) or together == 40
    decoder = Decoder(net, {0})
    decoder.share(asked[0][:40])
    assert go_on(decoder, asked, width=4) == [plainly(net, ids, MOST) for ids in asked]


def test_prompts_that_share_less_than_the_beginning_or_nothing():
    net = model("llama")
    asked = [*prompts(14, 2), prompts(14, 1)[0][:25] + [9, 8, 7], prompts(15, 1)[0]]
    decoder = Decoder(net, {0})
    decoder.share(asked[0][:40])
    counting = Counting(net)
    assert go_on(decoder, asked, most=1) == [plainly(net, ids, 1) for ids in asked]
    assert counting.tokens - sum(map(len, asked)) == len(asked[0]) + len(asked[1]) - 80 + 3 + len(asked[3])


def test_a_model_with_its_own_idea_of_positions_gets_plain_batches():
    torch.manual_seed(0)
    net = transformers.BloomForCausalLM(
        transformers.BloomConfig(vocab_size=259, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.3,
                                 eos_token_id=0, pad_token_id=0)).eval()
    asked = prompts(16, 5)
    decoder = Decoder(net, {0})
    decoder.share(asked[0][:40])
    assert go_on(decoder, asked, width=2) == [plainly(net, ids, MOST) for ids in asked]


def test_a_row_ends_with_the_end_token():
    net = model("llama")
    asked = prompts(10, 4)
    wanted = [plainly(net, ids, MOST) for ids in asked]
    end = wanted[2][5]
    made = go_on(Decoder(net, {end}), asked)
    assert made == [tokens[:tokens.index(end) + 1] if end in tokens else tokens for tokens in wanted]
    assert len(made[2]) <= 6


def test_common_beginnings():
    assert common([[1, 2, 3], [1, 2, 4], [1, 2]]) == 2
    assert common([[1], [2]]) == 0
    assert common([[5, 6]]) == 2
    assert common([[5, 6], [5, 6]]) == 2


def test_a_model_that_does_not_heed_the_mask_is_not_packed():
    net = model("llama")
    forward = net.forward

    @functools.wraps(forward)
    def deaf(*args, attention_mask=None, **given):
        return forward(
            *args, attention_mask=torch.zeros_like(attention_mask) if attention_mask is not None else None,
            **given)

    assert Packer.of(net) is not None
    net.forward = deaf
    assert Packer.of(net) is None


@pytest.mark.gpu
def test_on_a_gpu_it_is_the_same():
    net = model("llama").cuda()
    asked = prompts(11, 7)
    decoder = Decoder(net, {0})
    decoder.share(asked[0][:40])
    made = go_on(decoder, asked)
    assert made == [go_on(Decoder(net, {0}), [ids])[0] for ids in asked]

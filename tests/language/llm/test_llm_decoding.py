"""Continuing prompts that begin alike: the same tokens as the plain way, and less work."""

from __future__ import annotations

import pytest
import torch

from gmner_cli.language.llm.decoding import Decoder, common
from tests.language.llm.tiny_llm import model, plainly, prompts

MOST = 24


def never(tokens):
    return False


@pytest.fixture(params=["llama", "mistral", "gemma3", "gpt2", "lfm2"])
def net(request):
    return model(request.param)


class Counting(torch.nn.Module):
    """Counts the tokens that go through a model."""

    def __init__(self, net):
        super().__init__()
        self.tokens = 0
        net.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, module, args, kwargs):
        self.tokens += kwargs["input_ids"].numel()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_prompt_goes_on_as_it_does_alone(net, seed):
    asked = prompts(seed, 7)
    decoder = Decoder(net, {0})
    decoder.share(asked[0][:40])
    made = decoder.run(asked, MOST, never)
    assert made == [plainly(net, ids, MOST) for ids in asked]
    assert len({tuple(tokens) for tokens in made}) > 1, "the model is deaf to its prompt, and the test says nothing"


def test_without_a_shared_beginning_and_in_any_batch_it_is_the_same(net):
    asked = prompts(4, 5)
    decoder = Decoder(net, {0})
    bare = decoder.run(asked, MOST, never)
    decoder.share(asked[0][:40])
    assert decoder.run(asked[:2], MOST, never) + decoder.run(asked[2:], MOST, never) == bare


def test_a_beginning_that_changes_is_computed_only_from_where_it_does():
    net = model("llama")
    counting, decoder = Counting(net), Decoder(net, {0})
    first, second = prompts(5, 1, head=50)[0][:50], prompts(6, 1)[0][:12]
    decoder.share(first)
    assert counting.tokens == 50
    decoder.share(first[:30])
    decoder.share(first)
    assert counting.tokens == 50, "what is there is not computed again"
    decoder.share(first[:40] + second)
    assert counting.tokens == 50 + 12
    asked = [first[:40] + second + [7, 8, 9], first[:40] + second + [9]]
    assert decoder.run(asked, MOST, never) == [plainly(net, ids, MOST) for ids in asked]


def test_of_each_prompt_only_its_own_tokens_are_computed():
    net = model("llama")
    asked = [ids[:45] for ids in prompts(1, 6) if len(ids) >= 45]
    assert len(asked) > 2
    counting, decoder = Counting(net), Decoder(net, {0})
    decoder.share(asked[0][:40])
    counting.tokens = 0
    decoder.run(asked, 1, never)
    assert counting.tokens == 5 * len(asked)


def test_a_prompt_that_is_shared_whole_still_goes_on():
    net = model("llama")
    ids = prompts(8, 1)[0]
    decoder = Decoder(net, {0})
    decoder.share(ids)
    assert decoder.run([ids], MOST, never) == [plainly(net, ids, MOST)]
    assert decoder.run([ids[:20], ids], MOST, never) == [plainly(net, ids[:20], MOST), plainly(net, ids, MOST)]


def test_rows_end_when_told_and_the_others_go_on_without_them():
    net = model("llama")
    asked = prompts(9, 6)
    wanted = [plainly(net, ids, MOST) for ids in asked]
    ends = {row: 2 + 3 * row for row in range(5)}
    counting, decoder = Counting(net), Decoder(net, {0})
    decoder.share(asked[0][:40])
    counting.tokens = 0
    made = decoder.run(asked, MOST, lambda tokens: any(tokens == wanted[row][:end] for row, end in ends.items()))
    assert made == [wanted[row][:ends.get(row, MOST)] for row in range(6)]
    width = max(map(len, asked)) - 40
    assert counting.tokens < 6 * width + 6 * (MOST - 1), "ended rows are computed no longer"


def test_a_row_ends_with_the_end_token():
    net = model("llama")
    asked = prompts(10, 4)
    wanted = [plainly(net, ids, MOST) for ids in asked]
    end = wanted[2][5]
    made = Decoder(net, {end}).run(asked, MOST, never)
    assert made == [tokens[:tokens.index(end) + 1] if end in tokens else tokens for tokens in wanted]
    assert len(made[2]) <= 6


def test_common_beginnings():
    assert common([[1, 2, 3], [1, 2, 4], [1, 2]]) == 2
    assert common([[1], [2]]) == 0
    assert common([[5, 6]]) == 2
    assert common([[5, 6], [5, 6]]) == 2


@pytest.mark.gpu
def test_on_a_gpu_it_is_the_same():
    net = model("llama").cuda()
    asked = prompts(11, 7)
    decoder = Decoder(net, {0})
    decoder.share(asked[0][:40])
    made = decoder.run(asked, MOST, never)
    assert made == [Decoder(net, {0}).run([ids], MOST, never)[0] for ids in asked]

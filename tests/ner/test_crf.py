"""The CRF against enumeration of every path."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gmner_cli.ner.crf import FORBIDDEN, TagCrf, iob2_rules

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def path_score(crf: TagCrf, emissions: torch.Tensor, path: tuple[int, ...]) -> torch.Tensor:
    inner = crf.crf
    score = inner.start_transitions[path[0]] + emissions[0, path[0]]
    for at, (a, b) in enumerate(itertools.pairwise(path), 1):
        score = score + inner.transitions[a, b] + emissions[at, b]
    return score + inner.end_transitions[path[-1]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_loss_best_path_and_marginals_are_those_of_all_paths(seed, lengths):
    torch.manual_seed(seed)
    crf = TagCrf(LABELS)
    width = max(lengths)
    emissions = 2 * torch.randn(len(lengths), width, len(LABELS))
    mask = torch.arange(width)[None] < torch.tensor(lengths)[:, None]
    gold = torch.randint(len(LABELS), (len(lengths), width))
    losses, best, marginals = [], [], torch.zeros_like(emissions)
    for row, length in enumerate(lengths):
        paths = list(itertools.product(range(len(LABELS)), repeat=length))
        scores = torch.stack([path_score(crf, emissions[row], p) for p in paths])
        losses.append(
            scores.logsumexp(0) - path_score(crf, emissions[row], tuple(gold[row, :length].tolist())))
        best.append(list(paths[int(scores.argmax())]))
        for path, chance in zip(paths, scores.softmax(0), strict=True):
            for at, tag in enumerate(path):
                marginals[row, at, tag] += chance.detach()
    assert crf.loss(emissions, gold,
                    mask).item() == pytest.approx(torch.stack(losses).mean().item(), rel=1e-4, abs=1e-3)
    assert crf.decode(emissions, mask) == best
    with torch.inference_mode():
        found = crf.marginals(emissions.clone(), mask)
    assert torch.allclose(found[mask], marginals[mask], atol=1e-4)


def test_a_decoded_path_is_always_valid_iob2():
    torch.manual_seed(0)
    crf = TagCrf(LABELS)
    allowed, starts = iob2_rules(LABELS)
    emissions = 8 * torch.randn(50, 12, len(LABELS))
    for path in crf.decode(emissions, torch.ones(50, 12, dtype=torch.bool)):
        assert starts[path[0]] and all(allowed[a, b] for a, b in itertools.pairwise(path))


def test_rules_by_hand():
    allowed, starts = iob2_rules(LABELS)
    assert starts.tolist() == [True, True, False, True, False]
    assert not allowed[0, 2] and allowed[1, 2] and allowed[2, 2] and not allowed[3, 2] and not allowed[1, 4]
    assert TagCrf(LABELS).crf.transitions[0, 2].item() == FORBIDDEN


def test_half_precision_around_it_does_not_reach_it():
    torch.manual_seed(0)
    crf, emissions = TagCrf(LABELS), torch.randn(2, 5, len(LABELS))
    mask, gold = torch.ones(2, 5, dtype=torch.bool), torch.zeros(2, 5, dtype=torch.long)
    plain = crf.loss(emissions, gold, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert crf.loss(emissions, gold, mask).item() == plain.item()


@pytest.mark.parametrize("rounded", [False, True])
def test_long_posts_are_decoded_as_the_library_does_and_marginals_are_its_gradients(rounded):
    """``rounded``: small whole numbers, so that many paths are equally good."""
    torch.manual_seed(3)
    crf, lengths = TagCrf(LABELS).eval(), torch.tensor([90, 1, 37, 2, 90])
    emissions = 6 * torch.randn(len(lengths), 90, len(LABELS))
    if rounded:
        emissions = emissions.div(6).round()
        with torch.no_grad():
            for scores in crf.crf.parameters():
                scores.round_()
    mask = torch.arange(90)[None] < lengths[:, None]
    assert crf.decode(emissions, mask) == crf.crf.decode(emissions, mask=mask)

    exact = TagCrf(LABELS).double()
    exact.load_state_dict(crf.state_dict())
    leaf = emissions.double().requires_grad_(True)
    (gradient,) = torch.autograd.grad(exact.crf._compute_normalizer(leaf.transpose(0, 1), mask.T).sum(), leaf)
    found = crf.marginals(emissions, mask)
    assert torch.allclose(found, gradient.float(), atol=1e-6) and not found[~mask].any()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert crf.marginals(emissions, mask).equal(found) and crf.decode(emissions, mask) == crf.decode(
            emissions, mask)

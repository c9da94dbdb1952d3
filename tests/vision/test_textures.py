"""What a picture is made of: the quick way to the statistics gives the slow way's bits."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gmner_cli.vision import textures as module
from gmner_cli.vision.textures import SIZE, textures, textures_once


def pooled(colours, most):
    """What ``_around`` was: two max-pools."""
    return F.max_pool2d(colours, 3, 1) if most is torch.maximum else -F.max_pool2d(-colours, 3, 1)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (128, 128), (129, 97), (40, 16), (200, 333)])
@pytest.mark.parametrize("steps", [0, 4])
def test_maxima_of_shifted_slices_are_max_pooling_to_the_bit(monkeypatch, size, steps):
    colours = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(sum(size)))
    if steps:  # flat areas, many equal neighbours, and a black picture
        colours = (colours * steps).floor() / steps
        colours[0] = 0
    for most in (torch.maximum, torch.minimum):
        assert torch.equal(module._around(colours, most), pooled(colours, most))
    ours = textures(colours)
    monkeypatch.setattr(module, "_around", pooled)
    assert ours.shape == (3, SIZE) and torch.equal(ours, textures(colours))


@pytest.mark.parametrize("last", [False, True])
def test_a_picture_seen_again_is_not_computed_again_and_has_the_same_bits(monkeypatch, last):
    """``last``: channels last in memory, as decoded pictures lie."""
    colours = torch.rand(9, 3, 24, 40, generator=torch.Generator().manual_seed(int(last)))
    if last:
        colours = colours.contiguous(memory_format=torch.channels_last)
    computed = []
    monkeypatch.setattr(module, "textures", lambda shown: computed.append(len(shown)) or textures(shown))
    first, whole = textures_once(colours[:5]), textures(colours)
    again = textures_once(colours[[7, 3, 3, 0, 8, 7]])  # known ones, new ones and the same twice
    assert computed == [5, 2] and torch.equal(first, whole[:5]) and torch.equal(
        again, whole[[7, 3, 3, 0, 8, 7]])
    assert torch.equal(textures_once(colours[6:7]), whole[6:7])
    other = textures_once(colours[:5].reshape(5, 3, 40, 24))
    assert computed == [5, 2, 1, 5] and torch.equal(other, textures(colours[:5].reshape(5, 3, 40, 24)))
    monkeypatch.setattr(module, "REMEMBERED", 4)
    textures_once(colours)
    assert len(module._known) == 4

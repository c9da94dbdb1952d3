"""What a picture is made of: the quick way to the statistics gives the slow way's bits."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gmner_cli.vision import textures as module
from gmner_cli.vision.textures import SIZE, textures


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

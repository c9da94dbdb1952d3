"""Whether a picture is drawn or photographed, by statistics: flat colours and sharp edges, or grain."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 128
"""Larger pictures are averaged down to this, so that a photograph's grain is looked at on one scale."""

SIZE = 30
"""How many statistics there are."""

REMEMBERED = 512
"""Pictures whose statistics are kept, 120 bytes each: more than lie between two stages that look at the same
picture."""

_known: OrderedDict[tuple, Tensor] = OrderedDict()
_turn = Lock()


def textures_once(colours: Tensor) -> Tensor:
    """``textures``, to the bit, on a CPU without computing anew what was seen a moment ago: entailment and
    grounding look at the same pictures, and telling by a hash that they are the same takes a tenth of the
    time."""
    if colours.device.type != "cpu" or colours.dtype != torch.float32 or colours.requires_grad:
        return textures(colours)
    keys = [(tuple(one.shape), blake2b(one.contiguous().numpy(), digest_size=16).digest()) for one in colours]
    with _turn:
        found = {key: _known[key] for key in keys if key in _known}
    new = {key: row for row, key in enumerate(keys) if key not in found}
    if new:
        found |= zip(new, textures(colours[list(new.values())]), strict=True)
    with _turn:
        for key in keys:
            _known[key] = found[key]
            _known.move_to_end(key)
        while len(_known) > REMEMBERED:
            _known.popitem(last=False)
    return torch.stack([found[key] for key in keys])


def textures(colours: Tensor) -> Tensor:
    """Statistics [P, SIZE] of RGB pictures float [P, 3, H, W] in [0, 1], H and W at least 16.

    Of neighbourhoods: how much brightness spreads within 3x3 pixels, and how it changes over 1 to 8 pixels
    either way. Of the whole: saturation, brightness, how many colours there are (8 steps a channel, on means
    of 4x4 pixels, which noise does not change) and how much of the picture the commonest ones cover.
    """
    if min(colours.shape[2:]) > SIDE:
        colours = F.adaptive_avg_pool2d(colours, SIDE)
    grey = colours.mean(1)
    spread = (_around(colours, torch.maximum) - _around(colours, torch.minimum)).amax(1).flatten(1)
    found = [*_shares_below(spread, (0.04, 0.08, 0.16, 0.32)), _log(spread.mean(1)), spread.std(1)]
    for step in (1, 2, 4, 8):
        found += [_log((grey[:, :, step:] - grey[:, :, :-step]).abs().mean((1, 2))),
                  _log((grey[:, step:] - grey[:, :-step]).abs().mean((1, 2)))]
    saturation = (colours.amax(1) - colours.amin(1)).flatten(1)
    found += [
        saturation.mean(1),
        saturation.std(1), *_shares_below(saturation, (0.08, 0.5)),
        grey.mean((1, 2)),
        grey.std((1, 2))
    ]
    calm = F.avg_pool2d(colours, 4)
    red, green, blue = (calm * 7.99).long().flatten(2).unbind(1)
    counts = torch.zeros(len(colours), 512, device=colours.device)
    counts = counts.scatter_add(1, 64 * red + 8 * green + blue, torch.ones_like(
        red, dtype=counts.dtype)) / red.shape[1]
    common = counts.sort(1, descending=True).values.cumsum(1)
    found += [common[:, n - 1] for n in (1, 2, 4, 8)]
    found += [(counts > 0).sum(1).float().log(), -(counts * (counts + 1e-9).log()).sum(1)]
    found += _shares_below((calm[:, :, 1:] - calm[:, :, :-1]).abs().amax(1).flatten(1),
                           (0.02, 0.05, 0.1, 0.2))
    return torch.stack(found, 1)


def _around(colours: Tensor, most: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """``most`` of every 3x3 pixels, [P, 3, H - 2, W - 2]: what max-pooling gives, to the bit, in a fifteenth
    of its time."""
    rows = most(most(colours[:, :, :-2], colours[:, :, 1:-1]), colours[:, :, 2:])
    return most(most(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])


def _shares_below(values: Tensor, limits: tuple[float, ...]) -> list[Tensor]:
    return [(values < limit).float().mean(1) for limit in limits]


def _log(values: Tensor) -> Tensor:
    return values.clamp_min(1e-4).log()

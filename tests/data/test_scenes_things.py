"""Drawings of logos, buildings, products, prizes and backdrops."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from random import Random

import numpy as np
import pytest
from PIL import Image

from gmner_cli.data.scenes.drawing import backdrops, buildings, logos, products
from gmner_cli.data.scenes.drawing.forms import CLOSE, brightness, contrast, distance, grown, smooth
from gmner_cli.data.scenes.drawing.looks import (
    BUILDINGS,
    COLOURS,
    EMBLEMS,
    PRIZES,
    PRODUCTS,
    SHAPES,
    Logo,
    Look,
    Thing,
)

THINGS = [
    *(Thing(k, "orange", "blue", "building") for k in BUILDINGS),
    *(Thing(k, "orange", "blue", "product") for k in PRODUCTS),
    *(Thing(k, "orange", "blue", "prize") for k in PRIZES)
]
LOGOS = [Logo(k, s, "heart", "green", "yellow") for k, s in product(("crest", "logo"), SHAPES)]


def draw(look: Look, height: int = 60, seed: int = 4) -> Image.Image:
    module = logos if isinstance(look, Logo) else buildings if look.group == "building" else products
    return module.draw(look, height, Random(seed))


def difference(one: Look, other: Look) -> float:
    """Mean difference of the channels of two figures, on grey, brought to one size and made small."""
    def small(look: Look) -> np.ndarray:
        figure = draw(look)
        ground = Image.new("RGBA", figure.size, (128, 128, 128, 255))
        return np.asarray(
            Image.alpha_composite(ground, figure).convert("RGB").resize((15, 15), Image.Resampling.BOX),
            dtype=float)
    return float(np.abs(small(one) - small(other)).mean())


def share(figure: Image.Image, colour: str) -> float:
    """How much of a figure's area has nearly the colour, in one of its two tones."""
    pixels = np.asarray(figure, dtype=float)
    solid = pixels[pixels[..., 3] > 127][:, :3]
    tone = np.array(COLOURS[colour], dtype=float)
    return float(np.mean(np.minimum(*(np.linalg.norm(solid - tone * f, axis=1) for f in (1, 0.8))) < 25))


@pytest.mark.parametrize("look", THINGS + LOGOS, ids=lambda look: f"{look.kind}-{getattr(look, 'shape', '')}")
@pytest.mark.parametrize("height", [12, 40, 150])
def test_a_figure_is_tight_solid_and_of_the_asked_height(look, height):
    figure = draw(look, height)
    assert figure.mode == "RGBA"
    assert abs(figure.height - height) <= max(1.5, 0.05 * height)
    solid = np.asarray(figure.getchannel("A")) >= 128
    assert all(edge.any() for edge in (solid[0], solid[-1], solid[:, 0], solid[:, -1]))
    assert solid.mean() > 0.25


@pytest.mark.parametrize("look",
                         [THINGS[0], THINGS[1], THINGS[8], THINGS[17], THINGS[-4], LOGOS[0], LOGOS[-1]],
                         ids=lambda look: look.kind)
def test_the_same_look_and_random_state_give_the_same_picture(look):
    assert draw(look).tobytes() == draw(look).tobytes()


@pytest.mark.parametrize("look", THINGS, ids=lambda look: look.kind)
def test_colour_and_mark_are_both_seen(look):
    figure = draw(look, 120)
    assert share(figure, look.colour) > 0.12
    assert share(figure, look.mark) > 0.045
    assert difference(look, replace(look, colour="purple")) > 5
    assert difference(look, replace(look, mark="white")) > 3


@pytest.mark.parametrize("kind", ["crest", "logo"])
def test_ground_ink_shape_and_kind_of_a_badge_are_seen(kind):
    look = Logo(kind, "shield", "anchor", "red", "white")
    for other in (replace(look, ground="blue"), replace(look, ink="black"), replace(look, shape="circle"),
                  replace(look, kind="logo" if kind == "crest" else "crest")):
        assert difference(look, other) > 6
    assert share(draw(look, 120), "red") > 0.3


@pytest.mark.parametrize("shape", SHAPES)
def test_no_two_emblems_look_alike_even_when_small(shape):
    looks = [Logo("logo", shape, emblem, "blue", "yellow") for emblem in EMBLEMS]
    least = min((difference(one, other), one.emblem, other.emblem) for one, other in combinations(looks, 2))
    assert least[0] > 2.5, least


def test_no_two_kinds_look_alike():
    least = min((difference(one, other), one.kind, other.kind) for one, other in combinations(THINGS, 2))
    assert least[0] > 12, least


@pytest.mark.parametrize(("ground", "ink"), [("red", "brown"), ("blue", "purple"), ("black", "brown"),
                                             ("white", "yellow")])
def test_a_line_parts_an_emblem_from_a_ground_much_like_it(ground, ink):
    figure = np.asarray(logos.draw(Logo("logo", "square", "star", ground, ink), 120, Random(1)),
                        dtype=float)[..., :3]
    inside = figure[25:-25, 25:-25].reshape(-1, 3)
    line = np.array(contrast(COLOURS[ground], COLOURS[ink]), dtype=float)
    assert np.mean(np.linalg.norm(inside - line, axis=1) < 60) > 0.02
    assert distance(tuple(line), COLOURS[ground]) > CLOSE


def test_badges_are_never_mirrored():
    look = Logo("logo", "circle", "arrow", "black", "white")
    for seed in range(8):
        bright = np.asarray(draw(look, 100, seed).convert("L"), dtype=float)
        head = slice(60, 70), slice(50, 70)
        tail = slice(60, 70), slice(30, 50)
        assert bright[head].mean() > bright[tail].mean() + 20


def test_buildings_are_tall_or_wide_as_their_kind_is():
    def ratio(kind: str) -> float:
        figure = draw(Thing(kind, "grey", "red", "building"), 100)
        return figure.width / figure.height
    assert all(ratio(kind) > 1.5 for kind in ("bridge", "stadium"))
    assert all(ratio(kind) < 0.6 for kind in ("tower", "skyscraper", "lighthouse"))


def test_one_sees_through_a_bridge_and_a_bicycle():
    for look in (Thing("bridge", "grey", "red", "building"), Thing("bicycle", "grey", "red", "product")):
        alpha = np.asarray(draw(look, 120).getchannel("A"))
        assert (alpha < 10).mean() > 0.2


@pytest.mark.parametrize("kind", backdrops.KINDS)
def test_a_backdrop_is_calm_whole_and_has_its_floor_in_the_lower_third(kind):
    picture = backdrops.draw(kind, 96, Random(2))
    assert picture.mode == "RGB"
    assert picture.size == (96, 96)
    assert picture.tobytes() == backdrops.draw(kind, 96, Random(2)).tobytes()
    assert picture.tobytes() != backdrops.draw(kind, 96, Random(3)).tobytes()
    assert 0.55 < backdrops.HORIZON[kind] < 0.8
    pixels = np.asarray(picture, dtype=float)
    floor = round(96 * backdrops.HORIZON[kind])
    assert np.abs(pixels[floor + 3:].mean((0, 1)) - pixels[floor - 12:floor - 2].mean((0, 1))).max() > 12
    assert pixels.std((0, 1)).max() < 65
    assert not (pixels.sum(2) == 0).any()


def test_a_backdrop_comes_in_any_size():
    for size in (31, 64, 200):
        for kind in backdrops.KINDS:
            assert backdrops.draw(kind, size, Random(0)).size == (size, size)


def test_a_grown_square_is_larger_by_the_same_on_all_sides_and_round_at_its_corners():
    points = np.array(grown(((-10.0, -10.0), (10.0, -10.0), (10.0, 10.0), (-10.0, 10.0)), 5))
    assert points.min(0) == pytest.approx([-15, -15])
    assert points.max(0) == pytest.approx([15, 15])
    nearest = np.linalg.norm(points - np.clip(points, -10, 10), axis=1)
    assert nearest == pytest.approx(np.full(len(points), 5.0))


def test_a_smooth_curve_passes_through_its_points():
    points = [(0.0, 0.0), (4.0, 1.0), (3.0, 5.0), (-1.0, 3.0)]
    curve = smooth(points, 5)
    assert len(curve) == 20
    assert np.array(curve[::5]) == pytest.approx(np.array(points))


def test_contrast_stands_out_from_every_colour():
    for colour in COLOURS.values():
        assert abs(brightness(contrast(colour)) - brightness(colour)) > 80

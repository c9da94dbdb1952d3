"""People and animals of the scenes world: every look draws, and what differs in the look differs in the
picture."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from gmner_cli.data.scenes.drawing import animals, people
from gmner_cli.data.scenes.drawing.looks import ANIMALS, CLOTHES, COLOURS, EXTRAS, HAIR, STYLES, Person, Thing
from gmner_cli.data.scenes.drawing.tile import Tile

SINGER = Person(kind="woman", skin=1, hair="brown", style="long", clothing="dress", colour="green",
                prop="microphone", extra=None)
CAT = Thing(kind="cat", colour="grey", mark="red", group="animal")


def pixels(look, height=100, seed=5):
    draw = people.draw if isinstance(look, Person) else animals.draw
    return np.asarray(draw(look, height, Random(seed)))


def near(look, colour, height=100):
    """How many opaque pixels of the picture have the colour, give or take the smoothing."""
    picture = pixels(look, height).astype(int)
    return int(((abs(picture[..., :3] - colour).max(axis=-1) < 12) & (picture[..., 3] == 255)).sum())


def difference(a, b):
    """Share of the pixels that differ plainly, both pictures standing on the same point."""
    pictures = [pixels(look) for look in (a, b)]
    height, width = (max(p.shape[k] for p in pictures) for k in (0, 1))
    stage = np.zeros((2, height, width, 4), int)
    for plane, p in zip(stage, pictures, strict=True):
        left = (width - p.shape[1]) // 2
        plane[height - p.shape[0]:, left:left + p.shape[1]] = p
    return float((abs(stage[0] - stage[1]).max(axis=-1) > 40).mean())


def people_of_all_kinds():
    for prop, clothes in CLOTHES.items():
        for k, clothing in enumerate(clothes):
            kind = "man" if k % 2 else "woman"
            yield replace(SINGER, kind=kind, prop=prop, clothing=clothing, style="short")
    for kind, styles in STYLES.items():
        yield from (replace(SINGER, kind=kind, clothing="suit", style=style) for style in styles)
    yield from (replace(SINGER, kind="man", clothing="T-shirt", style="curly", extra=extra)
                for extra in EXTRAS)


LOOKS = [
    *people_of_all_kinds(),
    *(replace(CAT, kind=kind, colour=colour) for kind in ANIMALS for colour in ("black", "white"))
]


@pytest.mark.parametrize("height", [12, 40, 150])
def test_every_look_draws_about_as_high_as_asked_and_fills_its_picture(height):
    for look in LOOKS:
        picture = pixels(look, height)
        solid = picture[..., 3] >= 128
        assert picture.dtype == np.uint8 and picture.shape[2] == 4
        assert solid[0].any() and solid[-1].any() and solid[:, 0].any() and solid[:, -1].any(), look
        assert 0.88 * height - 1 <= picture.shape[0] <= 1.05 * height + 2, look


@pytest.mark.parametrize("seed", range(6))
def test_no_figure_reaches_the_edge_of_its_tile(monkeypatch, seed):
    """What is cut off by the tile would be missing from the picture."""
    tiles = []
    finish = Tile.finish
    monkeypatch.setattr(Tile, "finish", lambda self, mirror=False: tiles.append(self) or finish(self, mirror))
    for look in LOOKS:
        pixels(look, 100, seed)
        left, top, right, _ = tiles[-1].picture.getchannel("A").getbbox()
        assert left > 0 and top > 0 and right < tiles[-1].picture.width, look


@pytest.mark.parametrize("look", [SINGER, CAT])
def test_the_same_state_of_chance_gives_the_same_picture_and_others_vary(look):
    assert np.array_equal(pixels(look, seed=3), pixels(look, seed=3))
    assert len({pixels(look, seed=seed).tobytes() for seed in range(8)}) > 4


def test_each_attribute_of_a_person_shows():
    man = replace(SINGER, kind="man", clothing="T-shirt", style="short")
    pairs = {
        "kind": (man, replace(man, kind="woman")),
        "skin": (man, replace(man, skin=3)),
        "hair": (SINGER, replace(SINGER, hair="blond")),
        "style": (SINGER, replace(SINGER, style="bun")),
        "clothing": (SINGER, replace(SINGER, clothing="suit")),
        "colour": (SINGER, replace(SINGER, colour="red")),
        "prop": (SINGER, replace(SINGER, prop="trumpet")),
        "extra": (man, replace(man, extra="beard")),
    }
    shares = {attribute: difference(*pair) for attribute, pair in pairs.items()}
    assert min(shares.values()) > 0.02, shares
    assert shares["colour"] > 0.12 and shares["hair"] > 0.06, shares


@pytest.mark.parametrize("colour", COLOURS)
def test_clothes_and_coats_are_in_the_colour_of_the_look(colour):
    other = "red" if colour == "blue" else "blue"
    for look, least in ((SINGER, 400), (replace(CAT, mark=other), 700)):
        assert near(replace(look, colour=colour), COLOURS[colour]) > least
        assert near(replace(look, colour=colour),
                    COLOURS[colour]) > 3 * near(replace(look, colour=other), COLOURS[colour])


@pytest.mark.parametrize("hair", HAIR)
def test_hair_is_in_the_colour_of_the_look(hair):
    assert near(replace(SINGER, hair=hair), HAIR[hair]) > 150


def test_a_mirrored_person_is_still_the_same_person():
    states = [pixels(SINGER, seed=seed) for seed in range(12)]
    dressed = [int((abs(p[..., :3].astype(int) - COLOURS["green"]).max(axis=-1) < 12).sum()) for p in states]
    assert max(dressed) < 1.2 * min(dressed)


@pytest.mark.parametrize("kind", ANIMALS)
def test_the_collar_of_every_animal_shows_at_the_size_it_has_in_scenes(kind):
    worn = replace(CAT, kind=kind, colour="white", mark="red")
    assert near(worn, COLOURS["red"], 35) >= 10
    assert near(replace(worn, mark="blue"), COLOURS["red"], 35) == 0

"""Goods of the look's colour with trim of its mark, and (see ``prizes``) what is won or put up with a star on
it."""

from __future__ import annotations

import math
from random import Random

from PIL import Image

from gmner_cli.data.scenes.drawing import prizes
from gmner_cli.data.scenes.drawing.forms import CLOSE, DARK, GLASS, WHITE, distance, edge, rim, second, smooth
from gmner_cli.data.scenes.drawing.looks import COLOURS, Thing
from gmner_cli.data.scenes.drawing.tile import Colour, Tile, shade

_RUBBER, _STEEL = (44, 44, 52), (196, 202, 210)


def draw(look: Thing, height: int, rng: Random) -> Image.Image:
    """The product or prize, RGBA, about ``height`` pixels high."""
    width, make = (prizes.KINDS if look.group == "prize" else _KINDS)[look.kind]
    tile = Tile(width, height)
    colour = COLOURS[look.colour]
    make(tile, colour, COLOURS[look.mark], rng)
    rim(tile, 1.5, edge(colour))
    return tile.finish(mirror=rng.random() < 0.5)


def _phone(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    t.rect(2, 2, 58, 98, second(colour), 11)
    t.rect(2, 2, 55, 98, colour, 11)
    screen = shade(colour, 2.4)
    if distance(screen, mark) < CLOSE:
        screen = DARK if sum(mark) > 300 else WHITE
    t.rect(8.5, 13, 49, 84, edge(colour), 3)
    t.rect(9.5, 14, 48, 83, screen, 2.5)
    t.rect(21, 6.2, 36, 9, edge(colour), 1.4)
    rows = rng.choice((4, 5))
    for row in range(rows):
        for x in (17, 28.75, 40.5):
            y = 14 + 69 * (row + 0.5) / rows
            t.rect(x - 4.3, y - 4.3, x + 4.3, y + 4.3, mark, 2)
    t.ellipse(28.5, 90.5, 4.6, colour=mark)
    t.ellipse(28.5, 90.5, 2.6, colour=colour)


def _car(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    body = [(4, 76), (4, 58), (14, 49), (40, 44), (50, 38), (66, 14), (80, 6), (124, 6), (138, 13), (158, 42),
            (184, 49), (194, 60), (194, 78), (186, 84), (12, 84)]
    t.polygon(smooth(body, 4), colour)
    t.rect(5, 72, 193, 84, second(colour), 5)
    t.polygon([(57, 42), (72, 18), (80, 13), (96, 13), (96, 42)], GLASS)
    t.polygon([(103, 42), (103, 13), (122, 13), (131, 18), (148, 42)], GLASS)
    t.polygon([(64, 42), (82, 13), (89, 13), (73, 42)], shade(GLASS, 2))
    t.polygon([(112, 42), (122, 13), (126, 15), (120, 42)], shade(GLASS, 2))
    t.rect(4, 54, 194, 66, mark, 4)
    t.line([(99.5, 14), (99.5, 78)], 1.4, edge(colour))
    t.rect(106, 48, 116, 51, edge(colour), 1)
    t.ellipse(187, 58, 5.5, 6.5, (255, 240, 176))
    t.rect(3, 55, 9, 67, (196, 40, 44), 2)
    turn = rng.random()
    for x in (46, 150):
        t.slice(x, 79, 23, 23, 180, 360, edge(colour))
        t.ellipse(x, 79, 19, colour=_RUBBER)
        t.ellipse(x, 79, 11.5, colour=_STEEL)
        for k in range(5):
            angle = math.tau * (k + turn) / 5
            t.line([(x, 79), (x + 10 * math.cos(angle), 79 + 10 * math.sin(angle))], 2.4, shade(_STEEL, 0.7))
        t.ellipse(x, 79, 4.5, colour=mark)


def _mug(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    reach = rng.uniform(23, 27)
    t.ring(80, 52, reach + 4, 28, 11, second(colour))
    for top, bottom, tone in ((14, 88, colour), (47, 69, mark)):
        for end, side in ((180, tone), (58, second(tone))):
            around = [(44 + 39 * math.cos(math.radians(a)), 9 * math.sin(math.radians(a)))
                      for a in range(0, end + 1, 2)]
            t.polygon([*((x, top + y) for x, y in around), *((x, bottom + y) for x, y in reversed(around))],
                      side)
    t.ellipse(44, 14, 39, 11.5, shade(colour, 1.35))
    t.ellipse(44, 14.5, 34, 8.5, edge(colour))
    t.ellipse(44, 16, 31, 6.5, (92, 58, 36))
    t.rect(12, 30, 16, 42, shade(colour, 1.7), 2)
    t.rect(12, 80, 16, 88, shade(colour, 1.7), 2)


def _bottle(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    neck = rng.uniform(24, 28)
    t.rect(15, 8, 27, 40, colour)
    t.polygon([(15, neck), (27, neck), (35, neck + 10), (40, neck + 22), (40, 60), (2, 60), (2, neck + 22),
               (7, neck + 10)], colour)
    t.rect(2, neck + 17, 40, 98, colour, 6)
    t.rect(31, neck + 17, 40, 98, second(colour), 5)
    t.rect(23, 12, 27, neck + 4, second(colour))
    t.rect(2, 56, 40, 80, mark)
    t.rect(31, 56, 40, 80, second(mark))
    t.ellipse(19, 68, 7.5, colour=shade(mark, 1.8) if sum(mark) < 600 else shade(mark, 0.8))
    t.rect(7, neck + 20, 11, 52, shade(colour, 1.8), 2)
    t.rect(7, 84, 11, 93, shade(colour, 1.8), 2)
    t.rect(12, 2, 30, 12, mark, 2.5)
    t.rect(24, 2, 30, 12, second(mark), 2.5)


def _sneaker(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    upper = [(7, 80), (6, 50), (9, 16), (22, 10), (38, 24), (58, 22), (72, 4), (88, 6), (104, 30), (132, 48),
             (166, 56), (182, 68), (182, 82), (90, 86)]
    t.polygon(smooth(upper, 4), colour)
    t.polygon(smooth([(142, 80), (142, 66), (152, 54), (170, 57), (182, 68), (182, 82)], 4), second(colour))
    t.polygon(smooth([(12, 16), (22, 12), (38, 25), (57, 23), (68, 12), (66, 27), (48, 37), (26, 32)], 3),
              edge(colour))
    t.polygon([(6, 44), (28, 42), (32, 80), (8, 80)], mark)
    tilt = rng.uniform(-3, 3)
    for x in (58, 80, 102):
        t.line([(x + 14 + tilt, 44 + (x - 58) * 0.14), (x - 4, 76)], 10, mark)
    for x, y in ((86, 14), (96, 26), (107, 36), (120, 44)):
        t.line([(x - 7, y + 9), (x + 4, y - 2)], 4, WHITE)
    t.rect(4, 80, 186, 97, (238, 238, 234), 8)
    t.rect(6, 91, 184, 97, mark, 3)


def _backpack(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    t.arc(44, 14, 15, 12, 180, 360, 6, mark)
    for x in (3, 69):
        t.rect(x, 56, x + 16, 92, second(colour), 6)
    t.rect(10, 9, 78, 98, colour, 24)
    t.rect(10, 60, 78, 98, colour, 9)
    t.rect(62, 30, 78, 96, second(colour), 7)
    for x in (25, 63):
        t.rect(x - 4, 12, x + 4, 56, mark, 3)
    low = rng.uniform(44, 48)
    t.line([(17, low - 15), (71, low - 15)], 2.4, edge(colour))
    t.rect(18, low + 6, 70, 92, edge(colour), 9)
    t.rect(19.5, low + 7.5, 68.5, 90.5, shade(colour, 1.25), 8)
    t.rect(18, low + 4, 70, low + 20, mark, 6)
    t.rect(39, low + 14, 49, low + 27, mark, 3)
    t.rect(42, low + 18, 46, low + 24, edge(mark), 1)


def _watch(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    t.polygon([(19, 2), (45, 2), (51, 32), (51, 68), (45, 98), (19, 98), (13, 68), (13, 32)], colour)
    t.polygon([(38, 2), (45, 2), (51, 32), (51, 68), (45, 98), (38, 98)], second(colour))
    t.rect(19, 8, 45, 12, mark, 1)
    for y in (80, 86, 92):
        t.ellipse(32, y, 1.9, colour=edge(colour))
    t.rect(58, 45, 64, 55, mark, 2)
    t.ellipse(32, 50, 29, colour=edge(colour))
    t.ellipse(32, 50, 27.8, colour=colour)
    t.ellipse(32, 50, 24, colour=mark)
    t.ellipse(32, 50, 17.5, colour=WHITE)
    for k in range(4):
        t.ellipse(32 + 14.5 * math.sin(k * math.pi / 2), 50 - 14.5 * math.cos(k * math.pi / 2), 1.6,
                  colour=DARK)
    hour = rng.uniform(0.7, 1.3)
    t.line([(32, 50), (32 + 8 * math.sin(hour), 50 - 8 * math.cos(hour))], 2.8, DARK)
    t.line([(32, 50), (32 - 7.5, 50 - 9)], 2.2, DARK)
    t.ellipse(32, 50, 2.4, colour=mark)


def _bicycle(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    rear, front, crank, seat, head = (36, 64), (134, 64), (80, 66), (66, 26), (118, 26)
    turn = rng.random()
    for x, y in (rear, front):
        for k in range(4):
            angle = math.pi * (k + turn) / 4
            dx, dy = 31 * math.cos(angle), 31 * math.sin(angle)
            t.line([(x - dx, y - dy), (x + dx, y + dy)], 1.0, (150, 154, 162))
        t.ring(x, y, 34, 34, 4.8, _RUBBER)
        t.ring(x, y, 29.4, 29.4, 3.6, mark)
    t.line([head, (123, 40), front], 6.4, second(colour))
    t.line([rear, crank], 6.4, second(colour))
    for points in ([rear, seat, crank], [seat, head, crank]):
        t.line(points, 6.8, colour)
    t.line([(62, 16), seat], 5, _STEEL)
    t.line([head, (115, 12)], 5, _STEEL)
    t.line([(114, 11), (128, 8), (136, 14), (132, 21)], 5.4, mark)
    t.polygon(smooth([(44, 12), (56, 10), (82, 13), (66, 19), (50, 20)], 3), mark)
    t.ellipse(*crank, 9, colour=_RUBBER)
    t.ellipse(*crank, 6.2, colour=mark)
    t.line([crank, (88, 82)], 3.4, _RUBBER)
    t.line([(83, 83), (94, 83)], 3.6, _RUBBER)


def _headset(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    t.arc(52, 56, 46, 54, 178, 362, 15, colour)
    t.arc(52, 56, 46, 54, 270, 362, 15, second(colour))
    t.arc(52, 57, 34, 42, 205, 335, 6, mark)
    boom = rng.uniform(90, 94)
    t.line([(14, 82), (22, boom), (40, 95), (54, 94)], 3.4, edge(colour))
    t.ellipse(57, 93, 7.5, 4.8, mark)
    for x, side in ((4, 1), (100, -1)):
        inner = sorted((x + side * 24, x + side * 38))
        t.rect(inner[0], 47, inner[1], 87, mark, 6)
        outer = sorted((x, x + side * 26))
        t.rect(outer[0], 44, outer[1], 90, edge(colour), 11)
        t.rect(outer[0] + 1, 45, outer[1] - 1, 89, colour if side > 0 else second(colour), 10)
        t.ellipse(x + side * 12, 67, 7, 12, mark)


def _robot(t: Tile, colour: Colour, mark: Colour, rng: Random) -> None:
    t.line([(46, 16), (46, 8)], 3, _STEEL)
    t.ellipse(46, 7, 5.2, colour=mark)
    for x, side in ((14, -1), (78, 1)):
        hand = rng.uniform(70, 76)
        t.line([(x + 2 * side, 52), (x + 6 * side, 62), (x + 5 * side, hand)], 7, second(colour))
        t.ellipse(x + 5 * side, hand, 6.4, colour=mark)
    t.rect(40, 38, 52, 50, _STEEL)
    for x in (24, 54):
        t.rect(x, 76, x + 14, 94, second(colour))
        t.rect(x - 4, 89, x + 18, 98, mark, 4)
    for x in (15, 69):
        t.rect(x, 22, x + 8, 34, mark, 3)
    t.rect(20, 13, 72, 43, colour, 9)
    t.rect(60, 13, 72, 43, second(colour), 8)
    t.rect(25, 18, 67, 34, DARK, 7)
    for x in (36, 56):
        t.ellipse(x, 26, 5.2, colour=(140, 236, 255))
        t.ellipse(x, 26, 2.2, colour=WHITE)
    t.rect(36, 37, 56, 40, edge(colour), 1.5)
    t.rect(15, 47, 77, 82, colour, 8)
    t.rect(63, 47, 77, 82, second(colour), 8)
    t.rect(26, 53, 66, 73, edge(colour), 4)
    t.rect(27.5, 54.5, 64.5, 71.5, mark, 3)
    for x in (36, 46, 56):
        t.ellipse(x, 63, 3, colour=WHITE if sum(mark) < 600 else DARK)


_KINDS = {
    "phone": (60, _phone), "car": (198, _car), "mug": (113, _mug), "bottle": (42, _bottle),
    "sneaker": (190, _sneaker), "backpack": (88, _backpack), "watch": (66, _watch),
    "bicycle": (170, _bicycle), "headset": (104, _headset), "robot": (92, _robot)
}

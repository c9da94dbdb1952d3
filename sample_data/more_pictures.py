"""The other half of the pictures; see ``pictures``."""

from __future__ import annotations

from canvas import Canvas
from figures import crowd, person
from pictures import FANS
from things import (
    ball,
    building,
    car,
    cloud,
    crest,
    drum_kit,
    flag,
    guitar,
    lattice_tower,
    microphone,
    mountain,
    podium,
    sky,
    stadium,
    stage,
    tree,
)


def ballad() -> Canvas:
    c = Canvas(360, 340, "#140f2d")
    stage(c, 272, ("#ffd166", "#ffd166"))
    with c.thing("singer"):
        person(c, 180, 320, 246, hair="#8a5a2b", style="long", shirt=("#22223b", "#0d0d1a"), dress=True,
               long_sleeves=True, arms=("out", "mouth"))
    microphone(c, 196, 322, 126)
    for k in range(9):
        c.ellipse(20 + k * 41, 336, 17, 19, "#08060f")
    return c


def cricket() -> Canvas:
    c = Canvas(400, 320, "#27415f")
    stadium(c, 150)
    crowd(c, 4, 400, 10, 6, 11, FANS)
    c.ellipse(200, 300, 150, 34, "#d8bd83")
    for dx in (-9, 0, 9):
        c.line([(300 + dx, 284), (300 + dx, 214)], 4.5, "#e8cf96")
    with c.thing("batter"):
        person(c, 196, 298, 214, skin="tan", hair="#123a8c", style="cap", shirt="#2f7fd6", legs="#2a6fbe",
               arms=("down", "hip"), number="10", number_colour="#ffb703")
        c.line([(160, 208), (150, 240)], 5, "#333333")
        c.line([(149, 244), (136, 288)], 13, "#d9b06a")
    ball(c, 66, 236, 7, "basketball")
    return c


def orange_tower() -> Canvas:
    c = Canvas(320, 420, ("#16213f", "#8a4f6d"))
    c.rect(0, 366, 320, 420, "#0e1426")
    for x1, top, x2 in ((0, 270, 62), (66, 306, 104), (214, 296, 262), (264, 250, 320)):
        building(c, x1, top, x2, 420, "#1b2747", 8, 4, ("#2f3f6b", "#ffe39a"))
    with c.thing("tower"):
        lattice_tower(c, 160, 396, 350, "#f26419", "#fff1e0")
    return c


def tennis() -> Canvas:
    c = Canvas(400, 320, ("#1f4d33", "#2d6a4f"))
    crowd(c, 4, 400, 10, 5, 11, ("#f1faee", "#a8dadc", "#457b9d", "#e9c46a", "#e5989b"))
    c.rect(0, 120, 400, 320, ("#6cae4f", "#4f8f3a"))
    c.line([(0, 296), (400, 250)], 4, "#ffffff")
    c.rect(0, 150, 400, 196, "#2b2b2b", alpha=0.35)
    c.rect(0, 146, 400, 152, "#ffffff")
    with c.thing("player"):
        person(c, 190, 306, 212, skin="dark", hair="#22150d", style="curly", shirt="#ffffff", dress=True,
               long_sleeves=False, arms=("out", "hip"), shoes="#eeeeee")
        c.line([(266, 149), (292, 124)], 6, "#222222")
        c.ellipse(314, 100, 30, 24, "#d62828", turn=-45)
        c.ellipse(314, 100, 25, 19, "#f5f5dc", turn=-45)
    ball(c, 76, 92, 10, "tennis")
    return c


def headquarters() -> Canvas:
    c = Canvas(420, 320, "#7ec8f2")
    sky(c, 270, ground="#a7b0a0")
    cloud(c, 80, 50, 44)
    building(c, 120, 70, 330, 284, ("#8aa3b8", "#5f7a90"), 6, 8)
    with c.thing("sign"):
        c.rect(146, 44, 304, 92, "#0b2545", corner=8)
        c.star(170, 68, 16, "#8df0c8", spikes=4)
        c.letters(240, 69, "Northlight", 22, "#8df0c8")
    c.rect(206, 244, 246, 284, "#20313f")
    c.rect(0, 284, 420, 320, "#5d6468")
    for x, h in ((48, 96), (88, 76), (372, 104)):
        tree(c, x, 288, h)
    return c


def electric_car() -> Canvas:
    c = Canvas(420, 280, "#7ec8f2")
    sky(c, 176, "#f7b267", "#fbe3c0", ("#5a5f66", "#3b3f45"))
    for k in range(7):
        c.polygon([(k * 70 - 40, 176), (k * 70 + 10, 128), (k * 70 + 60, 176)], "#b76d68")
    c.line([(0, 248), (420, 248)], 4, "#f1e9d2")
    c.rect(352, 104, 392, 226, "#f1f3f5", corner=8)
    c.rect(360, 116, 384, 146, "#2a9d8f", corner=4)
    c.polygon([(374, 118), (365, 133), (371, 133), (368, 144), (379, 128), (373, 128)], "#ffffff")
    c.line([(352, 170), (336, 198), (330, 178), (316, 190)], 4, "#222222")
    with c.thing("car"):
        car(c, 186, 236, 292)
    return c


def summit() -> Canvas:
    c = Canvas(440, 320, ("#2f4b7c", "#5f7fb0"))
    c.rect(0, 250, 440, 320, ("#7a3b3b", "#5a2525"))
    flag(c, 26, 272, 236, ("#1d1d22", "#d62828", "#f2c14e"))
    flag(c, 318, 272, 236, ("#2147a8", "#ffffff", "#d62828"), upright=True)
    with c.thing("merkel"):
        person(c, 160, 304, 206, hair="#c9a66b", shirt=("#2a9d8f", "#1f776d"), legs="#22223b", arms=("front", "front"))
    with c.thing("hollande"):
        person(c, 290, 306, 222, hair="#4a3b2f", shirt="#23283b", legs="#23283b", tie="#1d3fae", arms=("down", "out"))
    podium(c, 160, 310, 104)
    podium(c, 290, 312, 104)
    return c


def dribble() -> Canvas:
    c = Canvas(420, 320, "#27415f")
    stadium(c, 160)
    crowd(c, 4, 420, 34, 5, 11, FANS)
    c.rect(10, 10, 176, 40, "#101828", corner=6)
    with c.thing("crest"):
        crest(c, 30, 25, 21, "#a50044", "#f2c14e", "B")
    c.letters(108, 25, "BAR 3 - 0 VAL", 15, "#ffffff")
    with c.thing("defender"):
        person(c, 300, 292, 196, skin="brown", hair="#15100c", shirt="#fafafa", legs="#fafafa", shorts=True,
               long_sleeves=False, arms=("out", "out"), number="4", number_colour="#222222")
    with c.thing("messi"):
        person(c, 150, 304, 206, hair="#5a3a22", beard=True, shirt="#a50044", stripes="#1b3f94", legs="#1b3f94",
               shorts=True, long_sleeves=False, arms=("hip", "down"), number="10", number_colour="#f2c14e")
    ball(c, 206, 300, 13, "football")
    return c


def snowy_peak() -> Canvas:
    c = Canvas(420, 300, "#7ec8f2")
    sky(c, 216, "#6fb7ea", "#fde3d3", ("#7fae63", "#4f8545"))
    with c.thing("fuji"):
        mountain(c, 214, 220, 150, 370, ("#6d7fae", "#4b5d8c"), "#ffffff")
    c.rect(0, 216, 420, 300, ("#84b466", "#4f8545"))
    for k in range(13):
        tree(c, 10 + k * 34, 240 + (k * 5) % 9, 38 + (k * 7) % 16)
    c.rect(0, 0, 420, 14, "#33373d")
    c.rect(0, 282, 420, 300, "#33373d")
    c.rect(0, 0, 14, 300, "#33373d")
    c.rect(406, 0, 420, 300, "#33373d")
    return c


def cold_drink() -> Canvas:
    c = Canvas(320, 340, ("#fbe7a1", "#f7b267"))
    c.rect(0, 256, 320, 340, ("#e8d5b0", "#c9a870"))
    c.ellipse(262, 70, 36, 36, "#fff3c4")
    c.ellipse(150, 298, 68, 12, "#000000", alpha=0.22)
    with c.thing("can"):
        c.rect(94, 96, 206, 296, ("#e3242b", "#a50f15"), corner=14)
        c.ellipse(150, 98, 52, 11, "#d7dadd")
        c.ellipse(150, 97, 44, 8, "#aeb4b9")
        c.blob([(94, 214), (150, 188), (206, 206), (206, 228), (150, 212), (94, 238)], "#ffffff")
        c.letters(150, 158, "Coca-Cola", 22, "#ffffff")
    for x, y in ((108, 258), (190, 262), (122, 122), (186, 128), (160, 272), (196, 180)):
        c.ellipse(x, y, 3, 4.5, "#ffffff", alpha=0.5)
    c.ellipse(246, 290, 26, 22, "#8fd14f")
    c.ellipse(246, 290, 21, 17, "#d9f2a5")
    for dx, dy in ((0, -14), (13, 5), (-13, 5)):
        c.line([(246, 290), (246 + dx, 290 + dy)], 2.5, "#8fd14f")
    return c


def red_bridge() -> Canvas:
    c = Canvas(440, 300, "#7ec8f2")
    sky(c, 200, "#8ab6d6", "#f4e4d4", ("#3f7fa0", "#2c5f80"))
    c.blob([(-30, 214), (-30, 160), (40, 132), (100, 172), (120, 214)], "#6f8f5f")
    c.blob([(330, 214), (370, 166), (430, 140), (470, 170), (470, 214)], "#7d9a66")
    with c.thing("bridge"):
        for x in (130, 320):
            for side in (-9, 9):
                c.rect(x + side - 4, 52, x + side + 4, 232, ("#d1432f", "#a5301f"))
            for y in (66, 100, 134):
                c.rect(x - 12, y, x + 12, y + 8, "#b83a27")
        c.rect(0, 176, 440, 187, "#b83a27")
        cable = [(k, 60 + 100 * (1 - ((k - 225) / 95) ** 2)) for k in range(130, 321, 10)]
        c.line(cable, 3.5, "#d1432f")
        c.line([(0, 168), (130, 58)], 3.5, "#d1432f")
        c.line([(320, 58), (440, 160)], 3.5, "#d1432f")
        for x, y in cable[1:-1]:
            c.line([(x, y), (x, 176)], 1.6, "#d1432f")
    for x, y in ((60, 250), (200, 268), (350, 252)):
        c.line([(x, y), (x + 34, y)], 2, "#bfe0ee", alpha=0.5)
    cloud(c, 226, 40, 38)
    return c


def festival() -> Canvas:
    c = Canvas(420, 320, "#140f2d")
    stage(c, 250, ("#ff8fab", "#9bf6ff", "#ffd6a5"))
    person(c, 128, 252, 158, skin="brown", hair="#0f0a07", style="curly", shirt="#ffd166", arms=("out", "up"))
    drum_kit(c, 128, 288, 74)
    with c.thing("band"):
        c.ellipse(128, 235, 40, 40, "#1b4332")
        c.ellipse(128, 226, 17, 20, "#ff9f1c")
        c.rect(120, 204, 136, 209, "#7a3b00")
        c.rect(120, 244, 136, 249, "#7a3b00")
        c.letters(128, 259, "LANTERNS", 9, "#ffe8b0")
    with c.thing("mira"):
        person(c, 286, 306, 226, skin="pale", hair="#c8401f", style="long", shirt="#2b2d42", legs="#52606d",
               arms=("chest", "front"))
        guitar(c, 288, 186, 84, "#457b9d")
    microphone(c, 338, 308, 128)
    return c


def signing() -> Canvas:
    c = Canvas(400, 320, ("#f4f7f5", "#d8e2dc"))
    c.rect(0, 262, 400, 320, ("#8a9a91", "#6b7a72"))
    c.rect(210, 20, 390, 212, "#16423c", corner=6)
    with c.thing("wall"):
        crest(c, 300, 104, 118, "#0f6b4f", "#f5d76e", "HC")
    c.rect(24, 40, 84, 120, "#ffffff")
    c.rect(29, 45, 79, 115, ("#9ed0f0", "#7fb069"))
    with c.thing("player"):
        person(c, 142, 306, 238, skin="tan", hair="#d4a24c", style="spiky", shirt=("#17805c", "#0f5f45"), legs="#1d2a26",
               arms=("hip", "out"))
        with c.thing("shirt"):
            crest(c, 160, 160, 22, "#0f6b4f", "#f5d76e", "HC")
    return c


def skyline() -> Canvas:
    c = Canvas(440, 280, ("#ff9e6d", "#ffd9a0"))
    c.ellipse(330, 150, 34, 34, "#fff0c2")
    for k, (w, h) in enumerate(((40, 90), (34, 128), (48, 104), (30, 168), (42, 120), (36, 196), (46, 112), (32, 150),
                                (44, 98), (38, 134), (50, 106))):
        x = k * 41 - 6
        building(c, x, 214 - h, x + w, 214, ("#4a4e69", "#22223b"), max(3, h // 18), 4, ("#6b6f8f", "#ffd97a"))
    c.line([(216, 20), (216, 0)], 3, "#4a4e69")
    c.rect(0, 212, 440, 280, ("#7a6b8a", "#4a4e69"))
    for k in range(9):
        c.line([(k * 50, 232 + (k * 13) % 34), (k * 50 + 30, 232 + (k * 13) % 34)], 2, "#ffd9a0", alpha=0.4)
    return c

"""One function a picture. What a post names is drawn inside ``c.thing(...)``."""

from __future__ import annotations

from canvas import Canvas
from figures import cat, crowd, dog, person
from things import (
    ball,
    building,
    clock_tower,
    cloud,
    guitar,
    lattice_tower,
    microphone,
    rocket,
    sky,
    stadium,
    stage,
    trophy,
)

FANS = ("#c0392b", "#e9c46a", "#2a6f97", "#8d99ae", "#f4a261", "#52796f")


def basketball() -> Canvas:
    c = Canvas(400, 320, "#2b3550")
    crowd(c, 4, 400, 14, 7, 12, ("#39507d", "#6c5b7b", "#475a7a", "#8a6d3b", "#3f4d68"))
    c.rect(0, 205, 400, 320, ("#d99b5b", "#b97a3d"))
    c.ellipse(80, 330, 170, 70, "#f2e3c8", alpha=0.35)
    with c.thing("warriors"):
        c.rect(28, 14, 112, 132, "#1d428a", corner=4)
        c.ellipse(70, 62, 33, 33, "#ffc72c")
        ball(c, 70, 62, 20, "basketball")
        c.letters(70, 114, "WARRIORS", 14, "#ffc72c")
    c.line([(372, 320), (372, 40)], 9, "#444b57")
    c.rect(310, 20, 378, 84, "#f5f7fa", corner=3)
    c.rect(326, 46, 362, 72, "#d1495b")
    c.rect(329, 49, 359, 69, "#f5f7fa")
    for k in range(5):
        c.line([(300 + k * 7, 88), (306 + k * 4.5, 118)], 1.5, "#ffffff")
    c.line([(296, 87), (334, 87)], 4, "#e4572e")
    with c.thing("curry"):
        person(c, 212, 306, 205, skin="tan", hair="#2a1a12", beard=True, shirt="#ffffff", legs="#f0f0f0", shorts=True,
               long_sleeves=False, arms=("hip", "up"), number="30", number_colour="#1d428a", shoes="#1d428a")
    ball(c, 250, 84, 17, "basketball")
    return c


def two_singers() -> Canvas:
    c = Canvas(420, 320, "#140f2d")
    stage(c, 246, ("#ff6ec7", "#6ec6ff", "#ffd166", "#b388ff"))
    with c.thing("dancer"):
        person(c, 118, 292, 190, skin="brown", hair="#1d120c", style="bun", shirt="#2a9d8f", legs="#1f2a44",
               arms=("up", "hip"))
    with c.thing("swift"):
        person(c, 280, 300, 222, hair="#f2d16b", style="long", shirt=("#e63973", "#a3174b"), dress=True,
               long_sleeves=False, arms=("chest", "front"), shoes="#a3174b")
        guitar(c, 282, 180, 84)
    microphone(c, 330, 302, 128)
    return c


def launch() -> Canvas:
    c = Canvas(320, 420, "#7ec8f2")
    sky(c, 372, "#2f7fc4", "#cfe9fa", "#a98f5c")
    cloud(c, 62, 96, 44)
    cloud(c, 268, 170, 38)
    c.rect(214, 120, 232, 380, "#8a3b2e")
    for k in range(9):
        c.line([(214, 140 + k * 26), (232, 160 + k * 26)], 2.5, "#5e241b")
    c.rect(196, 170, 216, 178, "#8a3b2e")
    with c.thing("rocket"):
        rocket(c, 160, 300, 240)
        with c.thing("nasa"):
            c.ellipse(160, 206, 15, 15, "#12418f")
            c.ellipse(160, 206, 15, 4, "#e4572e", turn=-28)
            c.letters(160, 206, "NASA", 8.5, "#ffffff")
    for dx, r in ((-96, 34), (-50, 42), (0, 46), (52, 42), (98, 36), (-140, 26), (140, 26)):
        c.ellipse(160 + dx, 386, r * 1.2, r * 0.75, "#f4f1ea", alpha=0.95)
    return c


def clock_in_the_rain() -> Canvas:
    c = Canvas(340, 420, "#8d99a6")
    sky(c, 340, "#74838f", "#c3ccd2", "#5b646b")
    cloud(c, 80, 70, 60, "#5d6b76")
    cloud(c, 290, 60, 60, "#5d6b76")
    building(c, 0, 215, 132, 340, "#a98c56", 4, 6, ("#5e5238", "#e8cf87"))
    with c.thing("tower"):
        clock_tower(c, 200, 346, 300)
    building(c, 246, 235, 340, 340, "#8f7a4e", 4, 5, ("#5e5238", "#e8cf87"))
    c.rect(0, 340, 340, 420, ("#6b747b", "#454d53"))
    c.rect(20, 286, 150, 376, "#c8202f", corner=8)
    for k in range(4):
        c.rect(30 + k * 29, 296, 54 + k * 29, 318, "#dfeff5", corner=3)
        c.rect(30 + k * 29, 330, 54 + k * 29, 350, "#dfeff5", corner=3)
    for x in (48, 122):
        c.ellipse(x, 376, 14, 14, "#1b1b1f")
        c.ellipse(x, 376, 6, 6, "#b8bcc2")
    for k in range(60):
        x, y = (k * 67) % 350, (k * 101) % 400
        c.line([(x, y), (x - 5, y + 15)], 1.3, "#e8eef2", alpha=0.45)
    return c


def phone() -> Canvas:
    c = Canvas(360, 320, ("#e9dcc9", "#c9ae8c"))
    c.rect(0, 236, 360, 320, ("#b98a5a", "#8f6238"))
    c.ellipse(92, 262, 56, 12, "#000000", alpha=0.2)
    c.rect(48, 176, 136, 262, ("#ffffff", "#d8d8d8"), corner=12)
    c.line([(136, 196), (158, 204), (156, 232), (136, 240)], 9, "#d8d8d8")
    c.ellipse(92, 178, 43, 10, "#5a3820")
    with c.thing("iphone"):
        c.rect(190, 44, 308, 274, "#16171b", corner=18)
        c.rect(197, 58, 301, 260, ("#3a86d6", "#b25fc4"), corner=6)
        c.rect(230, 44, 268, 60, "#16171b", corner=7)
        for row in range(4):
            for column in range(3):
                x, y = 209 + column * 31, 84 + row * 40
                c.rect(x, y, x + 22, y + 22, ("#ffffff", "#ffd166", "#80ed99", "#ff6b6b", "#4cc9f0")[(row * 2 + column) % 5],
                       corner=6)
    return c


def world_cup() -> Canvas:
    c = Canvas(440, 320, "#27415f")
    stadium(c, 176)
    crowd(c, 4, 440, 12, 7, 11, FANS)
    for x, name in ((150, "left"), (296, "right")):
        with c.thing(name):
            person(c, x, 304, 204, hair="#c9a25a" if name == "left" else "#3a2618",
                   style="short" if name == "left" else "spiky", shirt="#fafafa", legs="#1d1d22", shorts=True,
                   long_sleeves=False, arms=("hip", "up") if name == "left" else ("up", "hip"), number="13" if name == "left" else "7",
                   number_colour="#1d1d22")
    with c.thing("cup"):
        trophy(c, 223, 116, 84)
    for k in range(46):
        c.rect((k * 83) % 440, (k * 59) % 300, (k * 83) % 440 + 5, (k * 59) % 300 + 4,
               ("#f2c14e", "#d62828", "#1d1d22")[k % 3], alpha=0.5)
    return c


def pets() -> Canvas:
    c = Canvas(400, 320, ("#f3e4cf", "#e7cfae"))
    c.rect(256, 26, 366, 146, "#ffffff")
    c.rect(263, 33, 359, 139, ("#8fd0f5", "#d7f0d0"))
    c.line([(311, 33), (311, 139)], 5, "#ffffff")
    c.rect(0, 226, 400, 320, ("#b97f4b", "#94602f"))
    c.ellipse(200, 284, 186, 32, "#7b9ea8")
    with c.thing("cat"):
        cat(c, 302, 288, 142)
    with c.thing("dog"):
        dog(c, 136, 296, 208)
    return c


def breakfast() -> Canvas:
    c = Canvas(360, 280, ("#f9e2b8", "#f6cf8e"))
    c.ellipse(290, 70, 42, 42, "#ffb84d")
    c.rect(0, 186, 360, 280, ("#a8703f", "#7c4e27"))
    c.ellipse(166, 226, 104, 18, "#ffffff")
    c.blob([(102, 130), (230, 130), (222, 190), (196, 220), (136, 220), (110, 190)], ("#ffffff", "#dfe6ea"))
    c.line([(226, 146), (252, 152), (248, 182), (216, 190)], 11, "#dfe6ea")
    c.ellipse(166, 132, 60, 13, "#4a2c17")
    for dx in (-24, 0, 24):
        c.line([(166 + dx, 112), (160 + dx, 96), (170 + dx, 80), (164 + dx, 62)], 5, "#ffffff", alpha=0.4)
    return c


def beach() -> Canvas:
    c = Canvas(420, 280, "#7ec8f2")
    sky(c, 130, "#52b2e8", "#d9f1fc", ("#2592b8", "#6fc9d6"))
    c.ellipse(340, 48, 28, 28, "#ffe08a")
    c.blob([(-20, 300), (-20, 214), (110, 196), (250, 222), (440, 206), (440, 300)], ("#f6dfae", "#e2bf7d"))
    cloud(c, 120, 50, 40)
    c.line([(92, 240), (104, 170), (124, 118)], 10, "#8a5a33")
    for x, y in ((60, 112), (78, 88), (128, 76), (172, 94), (178, 128)):
        c.line([(124, 116), ((124 + x) / 2, (116 + y) / 2 - 12), (x, y)], 11, "#3b8b4a")
    c.line([(286, 252), (292, 172)], 4, "#f4f4f4")
    c.blob([(238, 186), (260, 158), (292, 150), (326, 160), (346, 188), (292, 178)], "#e4572e")
    return c


def iron_tower() -> Canvas:
    c = Canvas(300, 420, ("#0b1437", "#4a3b78"))
    for k in range(50):
        c.ellipse((k * 73) % 300, (k * 47) % 260, 1.1, 1.1, "#ffffff", alpha=0.5)
    c.ellipse(244, 66, 24, 24, "#f6f1cf")
    building(c, 0, 300, 76, 372, "#252a4d", 3, 5, ("#3d4373", "#ffd97a"))
    building(c, 232, 286, 300, 372, "#252a4d", 3, 4, ("#3d4373", "#ffd97a"))
    c.rect(0, 370, 300, 420, ("#1f3b33", "#12241f"))
    with c.thing("tower"):
        lattice_tower(c, 150, 380, 330, "#f2b64a", "#ffd97a")
    return c


def airliner() -> Canvas:
    c = Canvas(420, 280, "#7ec8f2")
    sky(c, 280, "#3f9fe0", "#e3f4fd")
    cloud(c, 90, 222, 60)
    cloud(c, 330, 60, 52)
    with c.thing("plane"):
        c.polygon([(312, 132), (352, 54), (388, 54), (372, 132)], "#0f7173")
        c.blob([(28, 152), (58, 122), (130, 112), (330, 114), (394, 126), (396, 140), (320, 168), (90, 178)],
               ("#ffffff", "#cfd8dd"))
        with c.thing("logo"):
            c.ellipse(360, 82, 15, 15, "#f2c14e")
            c.blob([(348, 86), (360, 74), (374, 76), (364, 82), (366, 92), (358, 86)], "#0f7173")
        for k in range(11):
            c.ellipse(112 + k * 19, 138, 5, 6, "#2f5d7c")
        c.polygon([(46, 136), (66, 124), (74, 124), (74, 138)], "#2f5d7c")
        c.polygon([(172, 158), (238, 158), (296, 226), (264, 230)], "#9fb0b8")
        c.rect(204, 186, 250, 206, "#0f7173", corner=9)
    c.letters(196, 158, "kestrel air", 17, "#0f7173")
    return c

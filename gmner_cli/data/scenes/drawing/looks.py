"""How the entities of the scenes world look, and how that is said in words.

A look is constant: an entity has one, and every picture that shows the entity
draws it. ``phrase`` puts a look into words: all of it, or its bare kind. The
drawing modules take a look and know nothing of names.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import ClassVar

COLOURS = {
    "red": (206, 44, 49), "orange": (240, 134, 33), "yellow": (246, 205, 55), "green": (46, 141, 72),
    "turquoise": (47, 180, 172), "blue": (38, 92, 190), "purple": (122, 62, 165), "pink": (236, 120, 171),
    "brown": (125, 79, 44), "black": (38, 38, 44), "grey": (138, 142, 150), "white": (244, 243, 238),
}
"""Everything that has a colour has one of these (red, green, blue; 0 to 255)."""

HAIR = {"black": (30, 26, 26), "brown": (101, 62, 34), "blond": (236, 202, 110), "red": (189, 74, 27),
        "grey": (176, 176, 178)}
SKIN = ((247, 212, 184), (226, 178, 133), (176, 120, 80), (110, 70, 46))
STYLES = {"woman": ("long", "curly", "bun", "ponytail", "short"), "man": ("short", "curly", "bald", "long")}
TRADES = {
    "guitar": ("musician", "guitarist"), "microphone": ("singer",), "trumpet": ("trumpet player", "musician"),
    "football": ("footballer", "football player"), "basketball": ("basketball player",),
    "racket": ("tennis player",), "book": ("writer", "author"), "camera": ("photographer",),
    "ladle": ("chef", "cook"), "palette": ("painter", "artist"), "stethoscope": ("doctor",),
    "umbrella": ("weather presenter",),
}
"""What a person holds or wears, and what people who do are called."""
CLOTHES = {
    "guitar": ("T-shirt", "dress", "coat"),
    "microphone": ("dress", "suit", "T-shirt"),
    "trumpet": ("suit", "coat"),
    "football": ("jersey", ),
    "basketball": ("jersey", ),
    "racket": ("T-shirt", "dress"),
    "book": ("coat", "suit", "dress"),
    "camera": ("T-shirt", "coat"),
    "ladle": ("apron", ),
    "palette": ("apron", "T-shirt"),
    "stethoscope": ("coat", ),
    "umbrella": ("suit", "coat", "dress"),
}
EXTRAS = ("glasses", "hat", "beard", "scarf")

SHAPES = ("circle", "shield", "square", "hexagon", "diamond", "triangle")
EMBLEMS = ("star", "wave", "tree", "bolt", "crown", "anchor", "mountain", "sun", "moon", "heart", "gear",
           "leaf", "arrow", "flame")
BUILDINGS = ("tower", "bridge", "stadium", "castle", "church", "skyscraper", "lighthouse", "pyramid",
             "windmill", "temple")
ANIMALS = ("dog", "cat", "horse", "parrot", "fish", "rabbit", "elephant", "turtle")
PRODUCTS = ("phone", "car", "mug", "bottle", "sneaker", "backpack", "watch", "bicycle", "headset", "robot")
PRIZES = ("trophy", "banner", "balloon", "poster")


@dataclass(frozen=True, slots=True)
class Look:
    """Base of all looks. ``kind``: the word for figures of the same class, of whom one may be meant."""

    kind: str
    words: ClassVar[dict[str, tuple[str, ...]]] = {}

    def phrase(self, rng: Random) -> str:
        """All of the look, with an article, in one of several wordings."""
        raise NotImplementedError

    def bare(self, rng: Random) -> str:
        """Its kind alone: true, and no help among others of the kind."""
        return article(rng.choice((self.kind, *self.words.get(self.kind, ()))))


@dataclass(frozen=True, slots=True)
class Person(Look):
    """``kind`` is woman or man. ``prop`` is a key of TRADES, ``extra`` one of EXTRAS or None; ``skin`` an
    index of SKIN."""

    skin: int
    hair: str
    style: str
    clothing: str
    colour: str
    prop: str
    extra: str | None

    def phrase(self, rng: Random) -> str:
        trade = rng.choice(TRADES[self.prop])
        who = rng.choice((self.kind, f"{'female' if self.kind == 'woman' else 'male'} {trade}", trade))
        if self.style == "bald":
            hair = rng.choice(("a bald head", "no hair"))
        else:
            styled = {"bun": f"{self.hair} hair in a bun", "ponytail": f"a {self.hair} ponytail"}
            hair = rng.choice((styled.get(self.style, f"{self.style} {self.hair} hair"), f"{self.hair} hair"))
        worn = rng.choice((f"a {self.colour} {self.clothing}", f"{article(self.colour)} {self.clothing}"))
        held = article(self.prop)
        extra = f" and {article(self.extra)}" if self.extra and rng.random() < 0.7 else ""
        return rng.choice((
            f"{article(who)} with {hair} in {worn}, holding {held}{extra}",
            f"{article(who)} in {worn} with {hair} and {held}{extra}",
            f"{article(who)} with {hair} and {held}{extra}",
            f"{article(who)} wearing {worn}, with {held}{extra}",
        ))


@dataclass(frozen=True, slots=True)
class Logo(Look):
    """A flat badge: ``emblem`` (colour ``ink``) on a ``shape`` (colour ``ground``). ``kind`` is crest or
    logo."""

    shape: str
    emblem: str
    ground: str
    ink: str
    words: ClassVar = {"crest": ("team badge", "club crest"), "logo": ("company logo", "sign")}

    def phrase(self, rng: Random) -> str:
        name = rng.choice((self.kind, *self.words[self.kind]))
        form = {"circle": "round", "triangle": "triangular",
                "square": "square"}.get(self.shape, f"{self.shape}-shaped")
        return rng.choice((
            f"{article(form)} {self.ground} {name} with {article(self.ink)} {self.emblem}",
            f"{article(self.ground)} {name} with {article(self.ink)} {self.emblem}",
            f"{article(name)} showing {article(self.ink)} {self.emblem} on {self.ground}",
        ))


@dataclass(frozen=True, slots=True)
class Thing(Look):
    """A building, animal, product or prize: its kind, its colour, and the colour of a mark.

    ``mark`` is the colour of a building's roof and door, an animal's collar, a product's trim, a prize's
    emblem.
    """

    colour: str
    mark: str
    group: str
    marks: ClassVar = {
        "building": ("roof", "top"), "animal": ("collar", "neckband"), "product": ("trim", "stripe"),
        "prize": ("star", )
    }
    words: ClassVar = {
        "dog": ("puppy", ), "cat": ("kitten", ), "parrot": ("bird", ), "rabbit": ("bunny", ),
        "phone": ("smartphone", ), "sneaker": ("shoe", "running shoe"), "mug": ("cup", ),
        "skyscraper": ("office tower", ), "stadium": ("arena", ), "trophy": ("prize cup", ),
        "church": ("chapel", ), "bicycle": ("bike", ), "backpack": ("bag", ),
        "headset": ("pair of headphones", )
    }

    def phrase(self, rng: Random) -> str:
        name = rng.choice((self.kind, self.kind, *self.words.get(self.kind, ())))
        part = rng.choice(self.marks[self.group])
        return rng.choice((
            f"{article(self.colour)} {name} with {article(self.mark)} {part}",
            f"{article(name)} in {self.colour} with {article(self.mark)} {part}",
            f"{article(self.colour)} {name}",
        ))


def article(noun: str) -> str:
    """The noun with "a" or "an", where it takes one."""
    if noun == "glasses":
        return noun
    return f"{'an' if noun[0] in 'aeiouAEIOU' else 'a'} {noun}"

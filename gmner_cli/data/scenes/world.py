"""The entities of the scenes world: each has a name, types and one constant look.

The world does not depend on any seed. Whether a name is held out of training
is a hash of the name, so it is held out of every training set there will be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

from gmner_cli.data.scenes import names
from gmner_cli.data.scenes.drawing import looks
from gmner_cli.data.scenes.drawing.looks import Logo, Look, Person, Thing

HELD_OUT = 25
"""Percent of the names that no training or dev post has."""

LABELS = frozenset({"PER", "LOC", "ORG", "OTHER"})

_TYPES = {
    "person": "PER", "crest": "ORG", "logo": "ORG", "building": "LOC", "animal": "OTHER", "product": "OTHER",
    "prize": "OTHER"
}
_TRADE_TYPES = {
    "guitar": "musician", "microphone": "musician", "trumpet": "musician", "football": "athlete",
    "basketball": "athlete", "racket": "athlete", "book": "author", "camera": "artist", "palette": "artist"
}
_PRIZE_TYPES = {"trophy": "award", "banner": "festival", "balloon": "festival", "poster": "film"}


@dataclass(frozen=True)
class Being:
    """One entity of the world. ``group``: person, crest, logo, building, animal, product or prize."""

    name: str
    group: str
    look: Look
    shared: bool = False
    """Whether another entity, of another type, has the same name."""

    @property
    def type(self) -> str:
        return _TYPES[self.group]

    @property
    def fine_type(self) -> str:
        """One of FMNERG's fine types, or close to one."""
        if isinstance(self.look, Person):
            return _TRADE_TYPES.get(self.look.prop, "person_other")
        if self.group == "prize":
            return _PRIZE_TYPES[self.look.kind]
        return {"crest": "sports_team", "logo": "company", "building": self.look.kind, "animal": "animal",
                "product": self.look.kind}[self.group]

    @property
    def held_out(self) -> bool:
        return not self.shared and is_held_out(self.name)


def is_held_out(name: str) -> bool:
    """By the name's hash alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 100 < HELD_OUT


@cache
def beings() -> tuple[Being, ...]:
    """Everybody and everything, always the same, no two of a kind with the same look."""
    rng = Random("the scenes world, first edition")
    taken: set[Look] = set()
    found: list[Being] = []

    def settle(name: str, kind: str, shared: bool = False) -> None:
        group = group_of(kind)
        look = random_look(kind, rng)
        while look in taken:
            look = random_look(kind, rng)
        taken.add(look)
        found.append(Being(name, group, look, shared))

    for kind, people in (("woman", names.WOMEN), ("man", names.MEN), ("crest", names.TEAMS),
                         ("logo", names.COMPANIES)):
        for name in people:
            settle(name, kind)
    for shelf in (names.PLACES, names.PETS, names.GOODS, names.OCCASIONS):
        for kind, called in shelf.items():
            for name in called:
                settle(name, kind)
    for name, kinds in names.SHARED.items():
        for kind in kinds:
            settle(name, kind, shared=True)
    return tuple(found)


def group_of(kind: str) -> str:
    """The group that a kind (a ``Look.kind``) belongs to."""
    for group, kinds in (("person", ("woman", "man")), ("building", looks.BUILDINGS),
                         ("animal", looks.ANIMALS), ("product", looks.PRODUCTS), ("prize", looks.PRIZES)):
        if kind in kinds:
            return group
    return kind


def random_look(kind: str, rng: Random) -> Look:
    """A look of the kind, any of those that are possible."""
    group = group_of(kind)
    if group == "person":
        return _random_person(kind, rng)
    first, second = rng.sample(list(looks.COLOURS), 2)
    if group in ("crest", "logo"):
        return Logo(kind, rng.choice(looks.SHAPES), rng.choice(looks.EMBLEMS), first, second)
    return Thing(kind, first, second, group)


def random_kind(rng: Random) -> str:
    """A kind, people and buildings more often than things, as in the papers' posts."""
    pick: list[tuple[float, Callable[[], str]]] = [
        (0.42, lambda: rng.choice(("woman", "man"))), (0.16, lambda: rng.choice(("crest", "logo"))),
        (0.16, lambda: rng.choice(looks.BUILDINGS)), (0.10, lambda: rng.choice(looks.ANIMALS)),
        (0.11, lambda: rng.choice(looks.PRODUCTS)), (0.05, lambda: rng.choice(looks.PRIZES))]
    return rng.choices([p[1] for p in pick], [p[0] for p in pick])[0]()


def _random_person(kind: str, rng: Random) -> Person:
    prop = rng.choice(list(looks.TRADES))
    extras = [
        e for e in looks.EXTRAS
        if not (e == "beard" and kind == "woman") and not (e == "hat" and prop == "ladle")
    ]
    clothes = [c for c in looks.CLOTHES[prop] if not (c == "dress" and kind == "man")]
    return Person(kind, rng.randrange(len(looks.SKIN)), rng.choice(list(looks.HAIR)),
                  rng.choice(looks.STYLES[kind]), rng.choice(clothes), rng.choice(list(looks.COLOURS)), prop,
                  rng.choice(extras) if rng.random() < 0.45 else None)

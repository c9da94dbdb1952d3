"""What the world knows of its beings: the part that a large language model plays elsewhere."""

from __future__ import annotations

from random import Random

from gmner_cli.data.scenes.world import Being, beings

QUALITIES = ("right", "vague", "wrong")


def expansion(being: Being, quality: str, rng: Random) -> str:
    """The being in plain words: all of its look, its kind alone, or the look of another of its kind."""
    if quality == "vague":
        return being.look.bare(rng)
    if quality == "wrong":
        others = [b for b in beings() if b.look.kind == being.look.kind and b is not being]
        return rng.choice(others or [being]).look.phrase(rng)
    return being.look.phrase(rng)


def records(seed: int) -> list[dict[str, object]]:
    """The knowledge file: for each being its name, types, whether it is held out, and sentences of each
    quality."""
    rng = Random(f"knowledge {seed}")
    return [{
        "name": b.name, "type": b.type, "fine_type": b.fine_type, "held_out": b.held_out, "shared": b.shared,
        **{quality: [expansion(b, quality, rng) for _ in range(5)] for quality in QUALITIES}
    } for b in beings()]

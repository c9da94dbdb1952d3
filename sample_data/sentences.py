"""Small tokenised posts for a tagger that should train in seconds; templates and names are our own.

A template's braces are filled from the list of that type. Train and dev share
no template; the last third of each list of names is kept for dev.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

NAMES = {
    "PER": ["Kevin Durant", "Rihanna", "Emma Watson", "Usain Bolt", "Kanye West", "Justin Bieber", "Neymar",
            "Ellen DeGeneres", "Andy Murray", "Lena Okafor", "Tom Hardy", "Shakira"],
    "LOC": ["Boston", "Rio de Janeiro", "Madrid", "Hyde Park", "Toronto", "Mexico", "Sydney", "New Orleans", "Dublin",
            "Lake Tahoe", "Nairobi", "Los Angeles"],
    "ORG": ["Google", "the Lakers", "Arsenal", "Real Madrid", "Microsoft", "BBC News", "Netflix", "Red Cross",
            "Toronto Raptors", "Volkswagen", "Liverpool", "Harrow & Finch"],
    "OTHER": ["Super Bowl", "Star Wars", "PlayStation 4", "Game of Thrones", "Oscars", "Kindle", "Pokemon Go",
              "Tour de France", "Xbox One", "Harry Potter", "Olympics", "Marmite"],
}
TRAIN = [
    "just saw {PER} at the airport in {LOC} 😱",
    "{ORG} announce a new office in {LOC}",
    "can't believe {PER} is leaving {ORG}",
    "watching {OTHER} with my sister , best night ever",
    "who else is going to {LOC} for the {OTHER} ?",
    "RT @newsdesk : {PER} arrives in {LOC} for talks",
    "{PER} looks stunning tonight #redcarpet",
    "so proud of {ORG} today !",
    "flying home to {LOC} tomorrow ✈️",
    "{PER} and {PER} together again at last",
    "my review of {OTHER} : 9 / 10",
    "coffee first , then the meeting",
    "{ORG} beat {ORG} in the last minute ⚽",
    "happy birthday {PER} 🎂",
    "sunset over {LOC} , no words",
    "new {OTHER} trailer is out http://t.co/x1",
    "i think {ORG} should hire {PER}",
    "need more sleep and less homework",
    "the queue for {OTHER} goes round the block in {LOC}",
    "{PER} wins it for {ORG} at the {OTHER}",
]
DEV = [
    "spotted : {PER} having lunch in {LOC}",
    "{ORG} shares are up again",
    "is {OTHER} on tonight ?",
    "goodbye {LOC} , you were lovely",
    "{PER} joins {ORG} on a free transfer",
    "rain all day , staying in",
    "why is nobody talking about {OTHER} and {PER}",
    "{ORG} party in {LOC} 🎉",
    "thank you {PER} !",
    "the best thing about {LOC} is {OTHER}",
]


def sentences(split: str, rounds: int) -> Iterator[dict]:
    """Records of ``rounds`` passes over the templates of ``split`` ("train" or "dev"), each with other names."""
    used = dict.fromkeys(NAMES, 0)
    for number, template in enumerate((TRAIN if split == "train" else DEV) * rounds, start=1):
        tokens: list[str] = []
        entities = []
        for part in template.split():
            slot = re.fullmatch(r"\{(\w+)\}", part)
            if slot is None:
                tokens.append(part)
                continue
            kind = slot[1]
            pool = NAMES[kind][:8] if split == "train" else NAMES[kind][8:]
            words = pool[used[kind] % len(pool)].split()
            used[kind] += 1
            entities.append((len(tokens), len(tokens) + len(words), kind))
            tokens += words
        yield _record(f"{split}-{number:03d}", tokens, entities, split)


def _record(identity: str, tokens: list[str], entities: list[tuple[int, int, str]], split: str) -> dict:
    starts, at = [], 0
    for token in tokens:
        starts.append(at)
        at += len(token) + 1
    text = " ".join(tokens)
    found = []
    for first, last, kind in entities:
        start, end = starts[first], starts[last - 1] + len(tokens[last - 1])
        found.append({"start": start, "end": end, "token_start": first, "token_end": last,
                      "text": text[start:end], "type": kind})
    return {"id": identity, "text": text, "tokens": tokens, "entities": found,
            "meta": {"dataset": "sample", "split": split}}

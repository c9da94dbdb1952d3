"""Names of models on the Hugging Face hub: ``org/name``; of a revision, ``org/name@REVISION``; of a GGUF
file, ``org/name:QUANT``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from gmner_cli.errors import ModelError, shown

_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?(?::([\w.-]+))?")
_ADDRESS = re.compile(r"(?:\w+://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?([^/]+/[^/?#]+)(?:/(?:tree|blob|resolve)/([^/?#]+))?.*")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


class HubName(NamedTuple):
    """``quant``: which of the GGUF files of a repository, by its quantisation or its whole name."""

    repo: str
    revision: str | None = None
    quant: str | None = None

    def __str__(self) -> str:
        return self.repo + (f"@{self.revision}" if self.revision else "") + (f":{self.quant}"
                                                                             if self.quant else "")

    @property
    def at(self) -> dict[str, Any]:
        """The revision as the hub's functions take it."""
        return {"revision": self.revision} if self.revision else {}


def hub_name(source: str) -> HubName:
    """The parts of a hub id. Raises ModelError, with what to type instead where that can be told."""
    found = _NAME.fullmatch(source)
    if found and not source.startswith((".", "-")):
        return HubName(*found.groups())
    raise ModelError("is not a folder with a model, nor a hub id", where=shown(source), hint=_instead(source))


def choose(files: Sequence[str], name: HubName) -> str:
    """The GGUF file among ``files`` that ``name`` asks for. Raises ModelError unless there is one."""
    known = [
        file for file in files
        if file.lower().endswith(".gguf") and not file.rpartition("/")[2].lower().startswith("mmproj")
    ]
    wanted = re.compile(rf"(?<![A-Za-z0-9]){re.escape(name.quant or '')}(?![A-Za-z0-9_])", re.IGNORECASE)
    found = [file for file in known if name.quant in (file, file.rpartition("/")[2])
             ] or [file for file in known if wanted.search(file)]
    if len(found) == 1:
        return found[0]
    several = found if len(found) > 1 else known
    if not several:
        raise ModelError("holds no GGUF file", where=str(name), hint=f"without :{name.quant} its safetensors "
                                                                     "are taken")
    in_parts = all(re.search(r"-\d+-of-\d+\.gguf$", file) for file in several) and bool(found)
    many = f"{len(found)} of its GGUF files are" if found else "none of its GGUF files is"
    why = f"{many} called {name.quant}"
    raise ModelError("is in several parts, which cannot be read" if in_parts else why, where=str(name),
                     hint="give one file's name after the colon; there are "
                          f"{shown(', '.join(sorted(several)), 600)}")


def _instead(source: str) -> str:
    bare = source.removeprefix("hf:").rstrip("/")
    if found := _ADDRESS.fullmatch(bare):
        name, revision = found.groups()
        bare = name + (f"@{revision}" if revision not in (None, "main") else "")
    if bare != source and _NAME.fullmatch(bare):
        return f"write {shown(bare)}"
    if "\\" in source or _DRIVE.match(source):
        return "no such folder; on this system a path is written with /, and without the letter of a drive"
    return "give a folder that holds config.json and *.safetensors, or a hub id such as org/name"

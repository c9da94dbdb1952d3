"""Who answers prompts: language models, here and behind servers, and answers that are ready."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gmner_cli.errors import UsageError, did_you_mean, shown
from gmner_cli.files.digest import sha256
from gmner_cli.language.llm.backend import Backend, Generation
from gmner_cli.weights.hub import weights_sha256

if TYPE_CHECKING:
    from gmner_cli.compute.runtime import Runtime

SPELLINGS = ("hf:ID_OR_PATH", "smollm2", "openai:MODEL")
"""The names that ``make`` knows."""
READY = ("template", "world", "file:FILE")
"""Those of answers that no model is needed for (``language.ready``)."""


def make(name: str, *, runtime: Runtime, generation: Generation | None = None, offline: bool = False,
         batch_size: int | None = None, base_url: str | None = None, per_minute: float | None = None,
         store: Path | None = None) -> Backend:
    """The language model that ``--llm`` names, behind a store that remembers what it said.

    Parameters
    ----------
    name: ``hf:`` and a hub id, a folder or a .gguf file; ``smollm2``; ``openai:`` and the server's name of a
    model. runtime: of a model that runs here.
    generation: how it answers; greedy by default.
    offline: nothing is downloaded, and a server must be on this machine.
    batch_size: prompts that are computed together (8), or questions that a server has at a time (4).
    base_url, per_minute: of a server, and how many questions it is asked a minute at most.
    store: file that keeps the answers; None keeps them as long as the backend lives.

    Raises UsageError for a name that is none of SPELLINGS, ModelError for a model that cannot be had.
    """
    from gmner_cli.language.llm.store import Remembering, Store

    kept = Store(store)  # first, so that a file that is no store is noticed before a large model is loaded
    generation = generation or Generation()
    backend = _new_backend(name, runtime, generation, offline, batch_size, base_url, per_minute)
    return Remembering(backend, kept, generation.max_tokens)


def check(name: str, *, base_url: str | None = None, offline: bool = False) -> None:
    """Raise UsageError where ``make`` would for the name of a model or the address of a server, without
    loading anything."""
    kind, _, rest = name.partition(":")
    if name != "smollm2" and not (kind in ("hf", "openai") and rest):
        raise UsageError(f"there is no language model {shown(name)!r}",
                         hint=did_you_mean(name, (*READY, *SPELLINGS)))
    if kind == "openai":
        from gmner_cli.language.llm.openai import address_of

        address_of(base_url, offline=offline)


def content(name: str) -> str | None:
    """The digest of the weights that ``name`` stands for, where it is a folder or file here; None of what is
    known by its name."""
    kind, _, rest = name.partition(":")
    path = Path(rest).expanduser()
    if kind != "hf" or not path.exists():
        return None
    return sha256(path) if path.is_file() else weights_sha256(path)


def _new_backend(name: str, runtime: Runtime, generation: Generation, offline: bool, batch_size: int | None,
                 base_url: str | None, per_minute: float | None) -> Backend:
    check(name, base_url=base_url, offline=offline)
    kind, _, rest = name.partition(":")
    if name == "smollm2" or kind == "hf":
        from gmner_cli.language.llm.causal import Causal

        if name != "smollm2":
            return Causal(rest, runtime, generation, offline=offline, batch_size=batch_size or 8)
        from gmner_cli.language.llm.smollm2 import folder

        # In its chat form, a model of this size says the instructions back; examples that it is to continue,
        # it follows.
        return Causal(str(folder()), runtime, generation, batch_size=batch_size or 8, name=name, chat=False)
    from gmner_cli.language.llm.openai import Server

    return Server(rest, generation, base_url=base_url, offline=offline, concurrency=batch_size or 4,
                  per_minute=per_minute)

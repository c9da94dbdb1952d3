"""The Hugging Face Trainer on a token classifier, and the loop that people write in its stead to predict in
buckets."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable

import accelerate
import torch
import transformers
from serving import read, serve, settings
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
)

ASKED = settings()
torch.set_num_threads(ASKED["threads"])
TEXT, TRAIN = (read(ASKED[f"{name}_tags"], ASKED[f"{name}_posts"]) for name in ("test", "train"))
LABELS = sorted({tag for post in TRAIN for tag in post["tags"]})
TOKENIZER = AutoTokenizer.from_pretrained(ASKED["encoder"], use_fast=True)
COLLATE = DataCollatorForTokenClassification(TOKENIZER)


def fresh() -> torch.nn.Module:
    torch.manual_seed(1)
    return AutoModelForTokenClassification.from_pretrained(ASKED["encoder"], num_labels=len(LABELS),
                                                           dtype=torch.float32)


def encoded(posts: list[dict]) -> list[dict]:
    """As in the library's own example of token classification: the first sub-word of a word has its label."""
    batch = TOKENIZER([post["tokens"] for post in posts], is_split_into_words=True, truncation=True,
                      max_length=ASKED["max_length"])
    rows = []
    for number, post in enumerate(posts):
        labels, last = [], None
        for word in batch.word_ids(number):
            labels.append(-100 if word is None or word == last else LABELS.
                          index(post["tags"][word]) if post["tags"][word] in LABELS else 0)
            last = word
        rows.append({
            "input_ids": batch["input_ids"][number], "attention_mask": batch["attention_mask"][number],
            "labels": labels
        })
    return rows


def trainer(model: torch.nn.Module, folder: str, **other: object) -> Trainer:
    return Trainer(
        model=model, data_collator=COLLATE,
        args=TrainingArguments(output_dir=folder, use_cpu=True,
                               per_device_train_batch_size=ASKED["train_batch"],
                               per_device_eval_batch_size=ASKED["batch"], num_train_epochs=1,
                               learning_rate=ASKED["lr"], weight_decay=0.01, save_strategy="no",
                               logging_strategy="no", report_to=[], disable_tqdm=True, seed=1, **other))


def train(rank: int = 0, **other: object) -> Callable[[], float]:
    def work() -> float:
        model = fresh()
        if rank:
            from peft import LoraConfig, get_peft_model

            model = get_peft_model(
                model,
                LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.05, target_modules="all-linear",
                           modules_to_save=["classifier"]))
        began = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            made = trainer(model, folder, **other)
            made.train_dataset = encoded(TRAIN)
            made.train()
        return time.process_time() - began

    return work


MODEL = fresh().eval()


def predict() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = encoded(TEXT)
        tags = trainer(MODEL, folder).predict(rows).predictions.argmax(-1)
        spell(tags, [row["labels"] for row in rows])


def predict_in_buckets() -> None:
    rows = encoded(TEXT)
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i]["input_ids"]))
    with torch.inference_mode():
        for first in range(0, len(order), ASKED["batch"]):
            part = [rows[i] for i in order[first:first + ASKED["batch"]]]
            batch = COLLATE([dict(row) for row in part])
            batch.pop("labels")
            spell(MODEL(**batch).logits.softmax(-1).max(-1).indices.tolist(), [row["labels"] for row in part])


def spell(tags: list, labels: list[list[int]]) -> list[list[str]]:
    """Tags of the first sub-words in words."""
    return [[LABELS[tag]
             for tag, label in zip(row, known, strict=False)
             if label != -100]
            for row, known in zip(tags, labels, strict=True)]


if __name__ == "__main__":
    tasks = {
        "train whole": train(), "train LoRA": train(ASKED["rank"]), "predict": predict,
        "predict in buckets": predict_in_buckets
    }
    if ASKED["bfloat16"]:
        tasks["train whole, bfloat16"] = train(bf16=True)
    serve(
        {
            "transformers": transformers.__version__, "accelerate": accelerate.__version__,
            "torch": torch.__version__
        }, tasks)

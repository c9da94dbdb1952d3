"""flair's sequence tagger: transformer word embeddings, fine-tuned, first sub-words, and a CRF on top."""

from __future__ import annotations

import tempfile
import time

import flair
import torch
import transformers
from flair.data import Corpus, Sentence
from flair.datasets import FlairDatapointDataset
from flair.embeddings import TransformerWordEmbeddings
from flair.models import SequenceTagger
from flair.trainers import ModelTrainer
from serving import read, serve, settings

ASKED = settings()
flair.device = torch.device("cpu")
torch.set_num_threads(ASKED["threads"])
TEXT, TRAIN = (read(ASKED[f"{name}_tags"], ASKED[f"{name}_posts"]) for name in ("test", "train"))


def sentence(post: dict, tagged: bool) -> Sentence:
    made = Sentence(post["tokens"])
    start = None
    for place, tag in enumerate([*post["tags"], "O"] if tagged else []):
        if start is not None and not tag.startswith("I-"):
            made[start:place].add_label("ner", post["tags"][start][2:])
            start = None
        if tag.startswith("B-"):
            start = place
    return made


def fresh(corpus: Corpus) -> SequenceTagger:
    flair.set_seed(1)
    embeddings = TransformerWordEmbeddings(ASKED["encoder"], layers="-1", subtoken_pooling="first",
                                           fine_tune=True, use_context=False, allow_long_sentences=False)
    embeddings.tokenizer.model_max_length = ASKED["max_length"]
    return SequenceTagger(hidden_size=256, embeddings=embeddings,
                          tag_dictionary=corpus.make_label_dictionary("ner", add_unk=False), tag_type="ner",
                          use_crf=True, use_rnn=False, reproject_embeddings=False)


def corpus() -> Corpus:
    made = [sentence(post, tagged=True) for post in TRAIN]
    return Corpus(FlairDatapointDataset(made), FlairDatapointDataset(made[:1]),
                  FlairDatapointDataset(made[:1]), sample_missing_splits=False)


def train() -> float:
    made = corpus()
    tagger = fresh(made)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        ModelTrainer(tagger,
                     made).fine_tune(folder, learning_rate=ASKED["lr"], mini_batch_size=ASKED["train_batch"],
                                     max_epochs=1, embeddings_storage_mode="none", save_final_model=False,
                                     use_final_model_for_eval=True)
    return time.process_time() - began


KEPT: dict = {}


def predict() -> None:
    if not KEPT:
        KEPT["tagger"] = fresh(corpus()).eval()
    sentences = [sentence(post, tagged=False) for post in TEXT]
    KEPT["tagger"].predict(sentences, mini_batch_size=ASKED["batch"], embedding_storage_mode="none")
    for one in sentences:
        [(span.start_position, span.end_position, span.tag) for span in one.get_spans("ner")]


if __name__ == "__main__":
    serve({"flair": flair.__version__, "transformers": transformers.__version__, "torch": torch.__version__},
          {"train whole": train, "predict": predict})

"""A sequence-to-sequence tagger in one file: a tiny BART that writes "type start end" as index tokens."""

from __future__ import annotations

import msgspec
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import BartConfig, BartForConditionalGeneration

from gmner_cli.model import Example, Model
from gmner_cli.ner.words import words_of
from gmner_cli.records import Entity
from gmner_cli.scoring.task_scores import score

PAD, START, STOP, FIRST = 0, 1, 2, 3


class Config(msgspec.Struct, forbid_unknown_fields=True):
    most_words: int = 16


class Speller(Model):
    """Reads letters' sums as word ids; writes, for each entity, its type and its first and last word."""

    Config = Config
    finds = ("entities",)

    def __init__(self, config, facts, source):
        super().__init__(config, facts, source)
        self.types = facts["types"]
        torch.manual_seed(0)
        self.net = BartForConditionalGeneration(
            BartConfig(vocab_size=256, d_model=32, encoder_layers=1, decoder_layers=1,
                       encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32,
                       decoder_ffn_dim=32, max_position_embeddings=64, dropout=0.0, pad_token_id=PAD,
                       bos_token_id=START, eos_token_id=STOP, decoder_start_token_id=START,
                       forced_eos_token_id=None))

    @classmethod
    def learn_facts(cls, config, posts):
        return {"types": sorted({e.type for p in posts for e in p.entities or []})}

    def examples(self, posts, training):
        found = []
        for index, post in enumerate(posts):
            words, spans = words_of(post)
            words, spans = words[:self.config.most_words], spans[:self.config.most_words]
            target = []
            for entity in (post.entities or []) if training else []:
                inside = [i for i, (a, b) in enumerate(spans) if a < entity.end and entity.start < b]
                target += [FIRST + self.types.index(entity.type), self.word(inside[0]), self.word(inside[-1])]
            found.append(Example(index, len(words), (words, spans, [*target, STOP])))
        return found

    def word(self, index):
        return FIRST + len(self.types) + index

    def collate(self, examples, images):
        ids = [torch.tensor([64 + sum(map(ord, w)) % 192 for w in e.data[0]] or [STOP]) for e in examples]
        labels = [torch.tensor(e.data[2]) for e in examples]
        return {"ids": pad_sequence(ids, batch_first=True, padding_value=PAD),
                "mask": pad_sequence([torch.ones_like(i) for i in ids], batch_first=True),
                "labels": pad_sequence(labels, batch_first=True, padding_value=-100)}

    def loss(self, batch):
        return self.net(input_ids=batch["ids"], attention_mask=batch["mask"], labels=batch["labels"]).loss

    def predict(self, batch):
        out = self.net.generate(input_ids=batch["ids"], attention_mask=batch["mask"], max_new_tokens=16,
                                do_sample=False)
        return out[:, 1:].tolist()

    def write(self, posts, examples, outputs):
        for example, ids in zip(examples, outputs, strict=True):
            post, spans = posts[example.post], example.data[1]
            post.entities = []
            ids = ids[:ids.index(STOP)] if STOP in ids else ids
            for kind, first, last in zip(ids[::3], ids[1::3], ids[2::3], strict=False):
                kind, first, last = kind - FIRST, first - self.word(0), last - self.word(0)
                if 0 <= kind < len(self.types) and 0 <= first <= last < len(spans):
                    post.entities.append(
                        Entity(start=spans[first][0], end=spans[last][1], type=self.types[kind]))

    def evaluate(self, predicted, gold):
        return {"f1": score(predicted, gold)["rows"]["MNER"]["f1"]}

"""Small causal language models with random weights, and the plain way to let them go on."""

from __future__ import annotations

import random
from pathlib import Path

from gmner_cli.language.llm.backend import Question
from gmner_cli.records import Post

TEMPLATE = ("{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] "
            "}}<|im_end|>\n{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def tokenizer(template: str | None = None):
    """Bytes as tokens, beside the marks of chats."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    words = [*marks, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    made = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(tokenizer_object=made, eos_token=marks[0], pad_token=marks[0],
                                   extra_special_tokens={"opens": marks[1], "closes": marks[2]})
    made.chat_template = template
    return made


SMALL = {
    "vocab_size": 259, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256,
    "initializer_range": 0.3, "bos_token_id": None, "eos_token_id": 0, "pad_token_id": 0
}


def model(kind: str):
    """``kind``: llama; mistral and gemma3, whose windows are shorter than the prompts; gpt2 (learned
    positions); lfm2 (convolutions)."""
    import torch
    import transformers

    torch.manual_seed(0)
    if kind == "gpt2":
        config = transformers.GPT2Config(vocab_size=259, n_embd=32, n_layer=2, n_head=4, n_positions=256,
                                         initializer_range=0.3, bos_token_id=0, eos_token_id=0)
        return transformers.GPT2LMHeadModel(config).eval()
    classes = {
        "llama": ("Llama", {}), "mistral": ("Mistral", {"sliding_window": 12}),
        "gemma3": ("Gemma3", {"sliding_window": 12, "layer_types": ["sliding_attention", "full_attention"]}),
        "lfm2": ("Lfm2", {"layer_types": ["conv", "full_attention"], "block_multiple_of": 8})
    }
    name, more = classes[kind]
    config = getattr(transformers,
                     f"{name}TextConfig" if kind == "gemma3" else f"{name}Config")(**{**SMALL, **more})
    return getattr(transformers, f"{name}ForCausalLM")(config).eval()


def save(folder: Path, kind: str = "llama", template: str | None = None) -> Path:
    model(kind).save_pretrained(folder)
    tokenizer(template).save_pretrained(folder)
    return folder


def plainly(net, ids: list[int], most: int) -> list[int]:
    """What ``generate`` makes of one prompt alone, greedily."""
    import torch

    given = torch.tensor([ids])
    out = net.generate(given, attention_mask=torch.ones_like(given), do_sample=False, max_new_tokens=most,
                       eos_token_id=0, pad_token_id=0)
    return out[0, len(ids):].tolist()


def prompts(seed: int, number: int, head: int = 40) -> list[list[int]]:
    """Token ids that begin alike and end differently, of different lengths."""
    rng = random.Random(seed)
    begin = [rng.randrange(3, 259) for _ in range(head)]
    return [begin + [rng.randrange(3, 259) for _ in range(rng.randrange(1, 30))] for _ in range(number)]


def questions(*texts: str) -> list[Question]:
    return [Question(Post(id=str(n), text="x"), None, text) for n, text in enumerate(texts)]

"""Captions by any image-to-text model of Hugging Face transformers: BLIP, BLIP-2, Florence-2, chat models
that see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from PIL import Image
from torch import Tensor, nn

from gmner_cli.classes.class_paths import new_model
from gmner_cli.compute.runtime import Runtime
from gmner_cli.errors import ModelError, UsageError
from gmner_cli.flow.check_images import CheckImages
from gmner_cli.flow.compose import Stage
from gmner_cli.flow.model_stage import ModelStage
from gmner_cli.language.llm.thoughts import opened, silent_tokens, without_half, without_thought
from gmner_cli.model import Example, Model, WeightSource
from gmner_cli.pictures.images import Pictures
from gmner_cli.records import Post
from gmner_cli.weights.hub import pretrained, pretrained_model

DEFAULT = "Salesforce/blip2-opt-2.7b"
"""On a GPU; RiVEG's captioner (section V-A2)."""

BATCH_SIZE = 8
"""Pictures at a time, unless asked otherwise."""

TOKENS = {"caption": 40, "detailed_caption": 200}
"""Most tokens of a caption, unless asked otherwise."""

_CHAT = {
    "caption": "Describe this picture in one short sentence.",
    "detailed_caption": "Describe this picture in detail."
}
_TASKS = {"florence2": {"caption": "<CAPTION>", "detailed_caption": "<MORE_DETAILED_CAPTION>"}}
"""By ``model_type``: what models that were trained on fixed tasks are asked with."""


class CaptionerConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    checkpoint: str = DEFAULT
    """Hub id or folder of what AutoModelForImageTextToText loads."""
    field: str = "caption"
    """Of the post: caption (short) or detailed_caption."""
    prompt: str | None = None
    """What a chat model is asked, or the words that another model goes on from. None: as the kind of model
    wants it."""
    max_new_tokens: int | None = None
    overwrite: bool = False
    """Caption posts again that have one already. ``predict`` clears what its stages find, so it has none."""


class Captioner(Model):
    """One caption per picture, greedy, on one line, without the prompt."""

    Config = CaptionerConfig
    finds = tuple(TOKENS)
    reads_images = True
    adjustable = frozenset(CaptionerConfig.__struct_fields__)

    def __init__(self, config: CaptionerConfig, facts: dict[str, Any], source: WeightSource):
        """Raises UsageError for a field that is no caption, or a model that needs a prompt; ModelError."""
        super().__init__(config, facts, source)
        from transformers import AutoModelForImageTextToText, AutoProcessor

        if config.field not in TOKENS:
            raise UsageError(f"unknown field {config.field!r}", hint=" or ".join(TOKENS))
        self.finds = (config.field,)
        self.net, report = pretrained_model(AutoModelForImageTextToText, config.checkpoint,
                                            offline=source.offline, output_loading_info=True)
        _check_whole(self.net, report["missing_keys"], config.checkpoint)
        self.processor = pretrained(AutoProcessor, config.checkpoint, offline=source.offline, backend="pil")
        self.chats = bool(getattr(self.processor, "chat_template", None))
        self.prompt = config.prompt or self._own_prompt()
        self.most = config.max_new_tokens or TOKENS[config.field]
        tokenizer = getattr(self.processor, "tokenizer", None)
        if tokenizer is None or getattr(self.processor, "image_processor", None) is None:
            raise ModelError(f"has no processor of pictures and text, but a {type(self.processor).__name__}",
                             where=config.checkpoint,
                             hint="are processor_config.json, the tokenizer and the image processor with it?")
        # Several answers are written at once, so every prompt must end where its answer begins.
        tokenizer.padding_side = "left"
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        self._silent = silent_tokens(tokenizer)
        # Twice the side of the squares that the model sees, which leaves a picture of 2:1 whole; else a
        # screen's.
        size = dict(getattr(self.processor.image_processor, "size", None) or {})
        square = size.keys() == {"height", "width"}
        self.largest_side = 2 * max(size["height"], size["width"]) if square else 2048

    def blank(self, post: Post) -> Post:
        """Captions stay: ``wants`` asks which posts have one."""
        return post.clear()

    def examples(self, posts: Sequence[Post], training: bool) -> list[Example]:
        """One per post that has a picture and wants a caption."""
        return [Example(index, 1, None) for index, post in enumerate(posts) if self.wants(post)]

    def wants(self, post: Post) -> bool:
        """Whether the post's picture is to be looked at."""
        return bool(post.image) and not post.set_aside and (self.config.overwrite
                                                            or not getattr(post, self.config.field))

    def collate(self, examples: Sequence[Example], images: Sequence[Image.Image | None]) -> dict[str, Any]:
        """What the model's own processor makes of pictures and prompt, as CPU tensors."""
        if self.chats:
            asked = [[{
                "role": "user", "content": [{"type": "image", "image": image},
                                            {"type": "text", "text": self.prompt}]
            }] for image in images]
            return dict(
                self.processor.apply_chat_template(asked, add_generation_prompt=True, tokenize=True,
                                                   return_dict=True, return_tensors="pt",
                                                   processor_kwargs={"padding": True}))
        texts = {"text": [self.prompt] * len(images), "padding": True} if self.prompt else {}
        return dict(self.processor(images=list(images), return_tensors="pt", **texts))

    def predict(self, batch: dict[str, Any]) -> list[str]:
        """Captions on one line each, without thoughts and without half a character; empty where the model
        ended at once."""
        # Some models repeat the prompt, some put other tokens around it, some leave it out.
        prompts = self._texts(
            batch["input_ids"]) if "input_ids" in batch else [""] * len(batch["pixel_values"])
        made = self._texts(self.net.generate(**batch, max_new_tokens=self.most, do_sample=False))
        said = (opened(prompt) + text.removeprefix(prompt)
                for text, prompt in zip(made, prompts, strict=True))
        return [" ".join(without_half(without_thought(text) or "").split()) for text in said]

    def _texts(self, tokens: Tensor) -> list[str]:
        """Of tokens int64 [N, T], without the special ones."""
        return self.processor.tokenizer.batch_decode([[t
                                                       for t in row
                                                       if t not in self._silent]
                                                      for row in tokens.tolist()])

    def write(self, posts: Sequence[Post], examples: Sequence[Example], outputs: Sequence[str]) -> None:
        for example, text in zip(examples, outputs, strict=True):
            if text:
                setattr(posts[example.post], self.config.field, text)
            else:
                posts[example.post].error = "caption: the model said nothing"

    def _own_prompt(self) -> str | None:
        """What this kind of model is best asked. Raises UsageError where it would give a short caption for a
        detailed one."""
        tasks = _CHAT if self.chats else _TASKS.get(self.net.config.model_type)
        if tasks is not None:
            return tasks[self.config.field]
        if self.config.field == "caption":
            return None
        raise UsageError(
            f"{self.net.config.model_type} is no chat model, and gives short captions",
            where=self.config.checkpoint, hint=
            'give the words that it goes on from, as in --prompt "a detailed picture of", or another model')


def stages(runtime: Runtime, pictures: Pictures, tell: Callable[[str], None], *,
           batch_size: int | None = None, offline: bool = False, **settings: Any) -> list[Stage]:
    """The stages that caption posts, model loaded. ``settings``: see CaptionerConfig. Raises UsageError or
    ModelError."""
    # Any: a Captioner, which ``new_model`` cannot say.
    model: Any = new_model(f"{__name__}:Captioner", settings, [], recipe="caption", offline=offline).eval()
    return [CheckImages(pictures, tell, model.largest_side, model.wants),
            ModelStage("caption", model, runtime, batch_size or BATCH_SIZE, pictures)]


def default_checkpoint(runtime: Runtime, field: str) -> str:
    """The model that is used when none is named. Raises UsageError where none should be guessed."""
    if field != "caption":
        raise UsageError("detailed captions have no default model", hint="give one that was trained to "
                                                                         "describe, as in --model "
                         "HuggingFaceTB/SmolVLM-Instruct or florence-community/Florence-2-large; or --from "
                         "FILE")
    if runtime.device.type != "cuda":
        raise UsageError(f"the default, {DEFAULT}, is too large for a CPU",
                         hint="give --model Salesforce/blip-image-captioning-base (1 GB), a folder, or "
                              "--from FILE")
    return DEFAULT


def _check_whole(net: nn.Module, missing: Sequence[str], checkpoint: str) -> None:
    """Raise ModelError when weights are lacking, which the class would fill with random numbers."""
    names: dict[int, list[str]] = {}
    for name, weight in net.named_parameters(remove_duplicate=False):
        names.setdefault(id(weight), []).append(name)
    # A tied weight is there when one of its names is.
    lacking = [same[0] for same in names.values() if set(same) <= set(missing)]
    if lacking:
        raise ModelError(f"lacks {len(lacking)} of the weights of {type(net).__name__}, the first is "
                         f"{lacking[0]}",
                         where=checkpoint, hint="it is another kind of model; give one that writes captions")

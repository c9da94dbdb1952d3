"""Small random captioners of every kind, saved as the Hugging Face hub has them."""

from __future__ import annotations

import torch

from tests import tiny

SMALL = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "initializer_range": 0.15
}
TEMPLATE = ("{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}{% if c['type'] == 'image' "
            "%}<image>"
            "{% else %}{{ c['text'] }}{% endif %}{% endfor %} {% endfor %}{% if add_generation_prompt "
            "%}assistant:{% endif %}")


def letters():
    """A byte-level tokenizer without merges."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import GPT2Tokenizer

    words = ["<pad>", "<s>", "</s>", *sorted(ByteLevel.alphabet())]
    return GPT2Tokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], pad_token="<pad>",
                         bos_token="<s>", eos_token="</s>", unk_token="</s>")


def save(folder, net, processor, special):
    """``special``: tokens that are never written, so that captions are long enough to differ."""
    net.generation_config.suppress_tokens = special
    net.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_blip(folder):
    from transformers import (
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessor,
        BlipProcessor,
        BlipTextConfig,
        BlipVisionConfig,
    )

    torch.manual_seed(0)
    words = tiny.bert_tokenizer()
    text = BlipTextConfig(vocab_size=len(words), encoder_hidden_size=32, max_position_embeddings=64,
                          pad_token_id=0, bos_token_id=2, eos_token_id=3, sep_token_id=3, **SMALL)
    net = BlipForConditionalGeneration(
        BlipConfig(text_config=text.to_dict(),
                   vision_config=BlipVisionConfig(image_size=32, patch_size=8, **SMALL).to_dict()))
    return save(folder, net, BlipProcessor(BlipImageProcessor(size={"height": 32, "width": 32}), words), None)


def save_blip2(folder):
    from transformers import (
        Blip2Config,
        Blip2ForConditionalGeneration,
        Blip2Processor,
        Blip2QFormerConfig,
        Blip2VisionConfig,
        BlipImageProcessor,
        OPTConfig,
    )

    torch.manual_seed(1)
    words = letters()
    processor = Blip2Processor(BlipImageProcessor(size={"height": 32, "width": 32}), words,
                               num_query_tokens=4)
    text = OPTConfig(vocab_size=len(words), hidden_size=32, ffn_dim=64, num_hidden_layers=2,
                     num_attention_heads=2, init_std=0.15, word_embed_proj_dim=32,
                     max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2)
    net = Blip2ForConditionalGeneration(
        Blip2Config(
            vision_config=Blip2VisionConfig(image_size=32, patch_size=8,
                                            **SMALL).to_dict(), text_config=text.to_dict(),
            qformer_config=Blip2QFormerConfig(vocab_size=8, encoder_hidden_size=32, **SMALL).to_dict(),
            num_query_tokens=4, image_token_index=words.convert_tokens_to_ids("<image>")))
    return save(folder, net, processor, None)


def save_llava(folder):
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    torch.manual_seed(2)
    words = letters()
    words.add_tokens(["<image>"], special_tokens=True)
    text = LlamaConfig(vocab_size=len(words), num_key_value_heads=2, max_position_embeddings=512,
                       pad_token_id=0, bos_token_id=1, eos_token_id=2, **SMALL)
    net = LlavaForConditionalGeneration(
        LlavaConfig(vision_config=CLIPVisionConfig(image_size=32, patch_size=8, projection_dim=32, **SMALL),
                    text_config=text, image_token_index=words.convert_tokens_to_ids("<image>"),
                    vision_feature_select_strategy="default", vision_feature_layer=-1))
    seen = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return save(
        folder, net,
        LlavaProcessor(seen, words, patch_size=8, vision_feature_select_strategy="default",
                       num_additional_image_tokens=1, chat_template=TEMPLATE),
        [0, 1, 2, len(words) - 1])


def save_florence(folder):
    from transformers import (
        AutoTokenizer,
        CLIPImageProcessor,
        Florence2ForConditionalGeneration,
        Florence2Processor,
    )

    net = Florence2ForConditionalGeneration.from_pretrained(tiny.save_florence(folder))
    tokens = net.get_image_features(torch.zeros(1, 3, 32, 32)).pooler_output.shape[1]
    net.config.image_token_id, net.generation_config.max_length = 4, None
    words = AutoTokenizer.from_pretrained(folder, extra_special_tokens={"image_token": "<mask>"})
    seen = CLIPImageProcessor(size={"height": 32, "width": 32}, do_center_crop=False, image_seq_length=tokens)
    return save(folder, net, Florence2Processor(seen, words), [0, 1, 2, 3, 4])

"""Small random models of the Hugging Face classes that the recipes name, saved to folders and loaded by
path."""

from __future__ import annotations

from pathlib import Path

import torch

LETTERS = [chr(c) for c in range(33, 127)]


def bert_tokenizer():
    """A word-piece tokenizer over single characters, with the special ids of bert-base-uncased's layout in
    small."""
    from transformers import BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *[f"##{c}" for c in LETTERS]]
    return BertTokenizer(vocab={word: i for i, word in enumerate(words)}, do_lower_case=True)


def save_bert(folder: Path) -> Path:
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    tokenizer = bert_tokenizer()
    BertModel(
        BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                   intermediate_size=64, max_position_embeddings=64)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_roberta(folder: Path) -> Path:
    """A RoBERTa with a byte-level BPE vocabulary that was never merged: every byte is a piece."""
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

    torch.manual_seed(0)
    tokenizer = RobertaTokenizer(vocab=byte_words(), merges=[], model_max_length=64)
    RobertaModel(
        RobertaConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                      intermediate_size=64, max_position_embeddings=66, type_vocab_size=1, pad_token_id=1,
                      bos_token_id=0, eos_token_id=2)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def byte_words() -> dict[str, int]:
    """A byte-level vocabulary of RoBERTa's layout that was never merged."""
    from tokenizers.pre_tokenizers import ByteLevel

    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet())]
    return {word: i for i, word in enumerate(words)}


def letter_scores(*special: str, mask: bool = False) -> list[tuple[str, float]]:
    """A SentencePiece vocabulary of letters, in which "▁" stands before a word."""
    letters = [("▁", -2.0), *((c, -3.0) for c in LETTERS)]
    return [*((word, 0.0) for word in special), *letters, *([("<mask>", 0.0)] * mask)]


def save_bart(folder: Path, generation: dict | None = None) -> Path:
    """``generation``: what stands in its generation_config.json."""
    from transformers import BartConfig, BartForConditionalGeneration, BartTokenizer

    torch.manual_seed(0)
    words = byte_words()
    sizes = {"d_model": 32, "encoder_layers": 3, "decoder_layers": 2, "encoder_attention_heads": 2,
             "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    net = BartForConditionalGeneration(BartConfig(vocab_size=len(words), max_position_embeddings=64,
                                                  init_std=0.15, scale_embedding=True, **sizes))
    net.generation_config.update(**(generation or {}))
    net.save_pretrained(folder)
    BartTokenizer(vocab=words, merges=[], model_max_length=64).save_pretrained(folder)
    return folder


def save_bertweet(folder: Path) -> Path:
    """A RoBERTa with BERTweet's tokenizer, which is slow: letters, and a few merges of them."""
    from transformers import RobertaConfig, RobertaModel

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    pieces = ["Lo@@", "nd@@", "on", *LETTERS, *[f"{c}@@" for c in LETTERS]]
    (folder / "vocab.txt").write_text("".join(f"{piece} 1\n" for piece in pieces))
    (folder / "bpe.codes").write_text("L o 5\nn d 4\no n</w> 3\n")
    RobertaModel(RobertaConfig(vocab_size=len(pieces) + 5, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
                               eos_token_id=2, tokenizer_class="BertweetTokenizer", **SMALL, **_POSITIONS,
                               )).save_pretrained(folder)
    return folder


SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}


def save_text_net(folder: Path, family: str) -> Path:
    """A random text network of a family of ``TEXT_NETS``, saved with a tokenizer such as it has."""
    import transformers

    if family in ("bart", "bertweet"):
        return {"bart": save_bart, "bertweet": save_bertweet}[family](folder)
    torch.manual_seed(0)
    name, sizes, words = TEXT_NETS[family]
    if words == "t5":
        tokenizer = transformers.T5Tokenizer(vocab=letter_scores("<pad>", "</s>", "<unk>"), extra_ids=2)
    elif words == "xlm-r":
        vocab = letter_scores("<s>", "<pad>", "</s>", "<unk>", mask=True)
        tokenizer = transformers.XLMRobertaTokenizer(vocab=vocab)
    else:
        tokenizer = bert_tokenizer()
    config = getattr(transformers, f"{name}Config")(vocab_size=len(tokenizer), **sizes)
    getattr(transformers, f"{name}Model")(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


_POSITIONS = {"max_position_embeddings": 66}
TEXT_NETS = {
    "albert": ("Albert", {**SMALL, **_POSITIONS, "embedding_size": 16}, "bert"),
    "albert of two groups": ("Albert", {**SMALL, **_POSITIONS, "embedding_size": 16, "num_hidden_layers": 4,
                                        "num_hidden_groups": 2}, "bert"),
    "distilbert": ("DistilBert", {"dim": 32, "n_layers": 3, "n_heads": 2, "hidden_dim": 64, **_POSITIONS},
                   "bert"),
    "modernbert": ("ModernBert", {**SMALL, **_POSITIONS, "pad_token_id": 0, "cls_token_id": 2,
                                  "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}, "bert"),
    "electra": ("Electra", {**SMALL, **_POSITIONS, "embedding_size": 16}, "bert"),
    "deberta": ("DebertaV2", {**SMALL, **_POSITIONS, "type_vocab_size": 0, "position_biased_input": False,
                              "relative_attention": True, "pos_att_type": ["p2c", "c2p"]}, "bert"),
    "roformer": ("RoFormer", {**SMALL, **_POSITIONS, "embedding_size": 16}, "bert"),
    "t5": ("T5", {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 3, "num_decoder_layers": 2,
                  "num_heads": 2}, "t5"),
    "xlm-r": ("XLMRoberta", {**SMALL, **_POSITIONS, "type_vocab_size": 1, "pad_token_id": 1}, "xlm-r"),
    "bart": None, "bertweet": None,
}


def save_blip(folder: Path) -> Path:
    from transformers import (
        BlipConfig,
        BlipForImageTextRetrieval,
        BlipImageProcessor,
        BlipTextConfig,
        BlipVisionConfig,
    )

    torch.manual_seed(0)
    tokenizer = bert_tokenizer()
    # The usual 0.02 leaves a net this narrow almost deaf to its input.
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
             "initializer_range": 0.15}
    text = BlipTextConfig(vocab_size=len(tokenizer), encoder_hidden_size=32, max_position_embeddings=64,
                          pad_token_id=0, bos_token_id=2, eos_token_id=3, sep_token_id=3, **small)
    vision = BlipVisionConfig(image_size=32, patch_size=8, **small)
    BlipForImageTextRetrieval(BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict(),
                                         image_text_hidden_size=16)).save_pretrained(folder)
    BlipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def delimited_tokenizer():
    """The detectors' delimiters of text are hard-coded ids of bert-base-uncased (101, 102, 1012, 1029), so it
    is padded."""
    from transformers import BertTokenizer

    fixed = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?"}
    rest = iter([c for c in [*LETTERS, *[f"##{c}" for c in LETTERS]] if c not in (".", "?")])
    return BertTokenizer(vocab={fixed.get(i) or next(rest, f"[unused{i}]"): i for i in range(1040)},
                         do_lower_case=True)


def save_grounding_dino(folder: Path, kind: str = "GroundingDino") -> Path:
    """``kind``: GroundingDino or MMGroundingDino."""
    import transformers
    from transformers import BertConfig, GroundingDinoImageProcessor, SwinConfig

    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        backbone_config=SwinConfig(embed_dim=16, depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 2], window_size=4,
                                   image_size=64, out_features=["stage2", "stage3",
                                                                "stage4"], drop_path_rate=0.0),
        text_config=BertConfig(vocab_size=1040, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                               intermediate_size=64, max_position_embeddings=256,
                               initializer_range=0.15), dropout=0.0, d_model=32, encoder_layers=1,
        encoder_attention_heads=2, encoder_ffn_dim=32, decoder_layers=2, decoder_attention_heads=2,
        decoder_ffn_dim=32, num_queries=12, num_feature_levels=4, max_text_len=256)
    getattr(transformers, f"{kind}ForObjectDetection")(config).save_pretrained(folder)
    GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96}).save_pretrained(folder)
    delimited_tokenizer().save_pretrained(folder)
    return folder


def save_sam(folder: Path) -> Path:
    from transformers import (
        SamConfig,
        SamImageProcessor,
        SamMaskDecoderConfig,
        SamModel,
        SamPromptEncoderConfig,
        SamVisionConfig,
    )

    torch.manual_seed(0)
    vision = SamVisionConfig(hidden_size=16, output_channels=16, num_hidden_layers=1, num_attention_heads=2,
                             image_size=64, patch_size=8, mlp_dim=32, window_size=4, global_attn_indexes=[0],
                             num_pos_feats=8)
    prompt = SamPromptEncoderConfig(hidden_size=16, image_size=64, patch_size=8, mask_input_channels=4)
    decoder = SamMaskDecoderConfig(hidden_size=16, mlp_dim=32, num_hidden_layers=1, num_attention_heads=2,
                                   iou_head_hidden_dim=16)
    SamModel(SamConfig(vision_config=vision, prompt_encoder_config=prompt,
                       mask_decoder_config=decoder)).save_pretrained(folder)
    SamImageProcessor(size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def save_florence(folder: Path) -> Path:
    """A Florence-2 with a byte-level vocabulary that was never merged, and all its location tokens."""
    from transformers import (
        BartConfig,
        BartTokenizer,
        CLIPImageProcessor,
        Florence2Config,
        Florence2ForConditionalGeneration,
        Florence2VisionConfig,
    )

    torch.manual_seed(0)
    tokenizer = BartTokenizer(vocab=byte_words(), merges=[], model_max_length=128)
    tokenizer.add_tokens([f"<loc_{i}>" for i in range(1000)])
    text = BartConfig(vocab_size=len(tokenizer), d_model=32, encoder_layers=1, decoder_layers=1,
                      encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64,
                      decoder_ffn_dim=64, max_position_embeddings=256, bos_token_id=0, pad_token_id=1,
                      eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=None, dropout=0.0,
                      init_std=0.15)
    vision = Florence2VisionConfig(depths=[1, 1], patch_size=[7, 3], patch_stride=[4, 2],
                                   patch_padding=[3, 1], patch_prenorm=[False, True], embed_dim=[16, 32],
                                   num_heads=[2, 2], num_groups=[2, 2], window_size=4, drop_path_rate=0.0,
                                   projection_dim=32, max_position_embeddings=16, initializer_range=0.15)
    config = Florence2Config(text_config=text.to_dict(), vision_config=vision.to_dict(), image_token_id=3)
    Florence2ForConditionalGeneration(config).save_pretrained(folder)
    CLIPImageProcessor(size={"height": 32, "width": 32}, do_center_crop=False).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

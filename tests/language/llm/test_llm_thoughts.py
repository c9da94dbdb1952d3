"""What is a thought and what is the answer, by the marks of many families of models; here, behind servers,
and in captions."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoTokenizer

from gmner_cli.compute.runtime import Runtime
from gmner_cli.language.llm.backend import Answer, Failure, Generation
from gmner_cli.language.llm.causal import Causal
from gmner_cli.language.llm.store import Remembering, Store
from gmner_cli.language.llm.thoughts import without_half
from tests.language.llm.answering import ask, backend
from tests.language.llm.tiny_llm import TEMPLATE, questions, save

pytestmark = pytest.mark.usefixtures("key")
HERE = Runtime(torch.device("cpu"))

THOUGHT = {
    "think": "<think>Hm.\nSo\n</think>\n\n{}",
    "upper case": "<THINK>Hm.</Think>{}",
    "magistral": "[THINK]Hm.\n[/THINK]{}",
    "thought": "<thought>\nHm.\n</thought>\n{}",
    "thinking": "<thinking>Hm.</thinking> {}",
    "reasoning": "<reasoning>Hm.</reasoning>{}",
    "reflection": "<thinking>a<reflection>b</reflection>c</thinking><output>{}</output>",
    "seed": "<seed:think>Hm.</seed:think>{}",
    "harmony": "<|channel|>analysis<|message|>Hm.<|end|>"
    "<|start|>assistant<|channel|>final<|message|>{}<|return|>",
    "harmony with its start": "<|start|>assistant<|channel|>analysis<|message|>Hm.<|end|>"
    "<|start|>assistant<|channel|>final <|constrain|>text<|message|>{}",
    "harmony without marks": "analysisWe should.assistantfinal{}",
    "final alone": "<|channel|>final<|message|>{}",
    "sky": "<|begin_of_thought|>Hm.<|end_of_thought|>\n<|begin_of_solution|>{}<|end_of_solution|>",
    "kimi": "◁think▷Hm.◁/think▷{}",
    "command": "<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>{}<|END_RESPONSE|>",
    "gemma": "<|channel>thought\nHm.<channel|>{}",
    "granite": "Here is my thought process: Hm. Here is my response: {}",
    "opened by the template": "Hm. So</think>{}",
    "closed by another": "So\n[/THINK] {}",
    "nested": "<think>a<think>b</think>c</think>{}",
    "named in the thought": "<think>no <think> here</think>{}",
    "twice": "<think>a</think><think>b</think>{}",
    "empty": "<think></think>{}",
    "answer": "<think>a</think>\n<answer>{}</answer>",
    "attribute": '<think effort="low">a</think>{}',
    "space before": "\ufeff \n[THINK]a[/THINK]{}",
}
OPEN = [
    "[THINK]Hm.", "<thought>", "<seed:think>\nHm. A dog.\n", "<|channel|>analysis<|message|>Hm.",
    "<|START_THINKING|>a", "◁think▷a dog", "<Reasoning>a", "analysisWe should", "<think>a</think><thinking>b",
    "<|channel|>commentary<|message|>a", "<|begin_of_thought|>a", "Here is my thought process: a"
]
NONE = [
    "I [THINK] so", "a <thought> of mine", "analysis of a dog", "[Analysis] a dog", "a dog <think> in a song",
    "the album \"< think >\"", "Here are the entities: Allen", "a channel, final",
    "a band that thinks out loud", "a dog. Here is my response: none"
]


@pytest.mark.parametrize("kind", THOUGHT)
def test_a_thought_in_any_marks_is_no_part_of_the_answer(kind):
    stop = Generation(stop=("\n",))
    assert stop.answer(THOUGHT[kind].format("a dog")) == "a dog"
    assert stop.answer(THOUGHT[kind].format("a dog\nText: more")) == "a dog"
    assert stop.ended(THOUGHT[kind].partition("{}")[0]) is None, "no line of a thought ends the answer"


@pytest.mark.parametrize("said", OPEN)
def test_a_thought_that_is_not_over_is_all_thought(said):
    assert Generation(stop=("\n",)).answer(said) == "" and Generation(stop=("\n",)).ended(f"{said}\n") is None


@pytest.mark.parametrize("said", NONE)
def test_words_that_look_like_marks_stay_in_the_answer(said):
    assert Generation(stop=()).answer(said) == said


@pytest.mark.parametrize("kind", ["magistral", "harmony", "kimi", "command"])
def test_marks_that_are_special_tokens_of_a_model_here_are_seen(tmp_path, kind):
    marks = [
        "[THINK]", "[/THINK]", "◁think▷", "◁/think▷", "<|START_THINKING|>", "<|END_THINKING|>",
        "<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|channel|>", "<|message|>", "<|start|>", "<|end|>",
        "<|return|>"
    ]
    tokenizer = AutoTokenizer.from_pretrained(save(tmp_path, template=TEMPLATE))
    tokenizer.add_tokens(marks, special_tokens=True)
    tokenizer.save_pretrained(tmp_path)
    made = Causal(str(tmp_path), HERE, Generation(stop=("\n",)))
    said = made.tokenizer(THOUGHT[kind].format("a dog") + "<|im_end|>").input_ids
    made.decoder.run = lambda *asked: iter([(0, said)])
    assert set(made.tokenizer.convert_tokens_to_ids(["<|im_end|>"])) < set(said)
    assert [answer.text for _, answer in made.answers(questions("Who?"))] == ["a dog"]


def test_a_template_that_begins_a_thought_in_other_marks(tmp_path):
    made = Causal(str(save(tmp_path, template=TEMPLATE + "[THINK]\n")), HERE, Generation(max_tokens=3))
    made.decoder.run = lambda *asked: iter([(0, made.tokenizer("a d").input_ids)])
    (found,) = [answer for _, answer in made.answers(questions("Who?"))]
    assert found == Failure("the answer is empty (it was none yet after 3 tokens; --max-tokens raises them)")


def test_thoughts_that_a_server_sends_are_not_taken(serve):
    replies = {
        "beside": {"content": "a dog", "reasoning_content": "Hm.", "reasoning": "Hm."},
        "within": {"content": "[THINK]Hm.[/THINK]a dog"}, "parts": {
            "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                        {"type": "text", "text": "a dog"}]
        }, "only": {"content": None, "reasoning_content": "Hm."}
    }
    server = serve(lambda h, prompt, before: h.say(
        200, {"choices": [{"message": replies[prompt], "finish_reason": "stop"}]}))
    found = ask(backend(server), *replies)
    assert [a.text for a in found[:3]] == ["a dog"] * 3 and "the answer is empty" in found[3].reason


@pytest.mark.parametrize(("said", "whole"), [("a dog\ufffd", "a dog"), ("a \ufffd\ufffd", "a "),
                                             ("👩\u200d", "👩"), ("🇳🇴🇳", "🇳🇴"), ("🇳🇴", "🇳🇴"),
                                             ("a \ufffd b", "a \ufffd b"), ("é", "é")])
def test_half_a_character_at_the_end_is_left_out(said, whole):
    assert without_half(said) == whole


def test_a_model_here_that_is_cut_says_so_and_leaves_no_half_character(tmp_path):
    made = Causal(str(save(tmp_path)), HERE, Generation(max_tokens=7, stop=("\n",)))
    for said, answer in (("a d東", Answer(text="a d東", model=made.name, prompt_tokens=4,
                                         answer_tokens=6)), ("a dog東",
                                                             Answer(text="a dog", model=made.name,
                                                                    prompt_tokens=4, answer_tokens=7,
                                                                    cut=True)),
                         ("a dogs\n", Answer(text="a dogs", model=made.name, prompt_tokens=4,
                                             answer_tokens=7)), ("a dogs<|endoftext|>",
                                                                 Answer(text="a dogs", model=made.name,
                                                                        prompt_tokens=4, answer_tokens=7))):
        made.decoder.run = lambda *asked, said=said: iter([(0, made.tokenizer(said).input_ids[:7])])
        assert [a for _, a in made.answers(questions("Who?"))] == [answer]


def test_answers_of_older_versions_that_were_cut_or_thoughts_are_asked_for_again(tmp_path):
    """They stand in the store as answers, without a word whether they were cut."""
    from tests.language.llm.test_llm_store import Echo, key

    store = Store(tmp_path / "answers.sqlite")
    old = {
        "whole": ("a dog", 3), "cut": ("a dog tha", 8), "thought": ("[THINK]Hm", 3), "half": ("a \ufffd", 3)
    }
    store.put(key("echo 1", "new"), Answer(text="a dog", model="m", answer_tokens=8))
    for prompt, (text, count) in old.items():
        store._opened().execute("INSERT INTO answers VALUES (?, ?)", (
            key("echo 1", prompt), f'{{"text": "{text}", "model": "m", "answer_tokens": {count}}}'.encode()))
    echo = Echo()
    list(Remembering(echo, store, 8).answers(questions("whole", "cut", "thought", "half", "new")))
    assert sorted(echo.asked) == ["cut", "half", "thought"]

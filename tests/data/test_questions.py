"""Answers that stand in their contexts: found, placed, turned into codes and back letter by letter, or refused with their row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.fields import Span
from nnzoo.data.known import read_known
from nnzoo.data.prepare import open_like, prepare
from nnzoo.data.question_preprocessing import QuestionPreprocessing, covering
from nnzoo.data.questions import TASK, open_questions, read_squad
from nnzoo.data.raw import RawQuestions, RawTexts
from nnzoo.data.tokenizer import Tokenizer
from nnzoo.data.units import Special, Units, learn

ODD = "  It's  an  APPLE-tree,\n\tsaid İpek; she paid $3.50.  ΟΔΟΣ! "
ROW = {"question": "Who?", "context": "Ann met Hanna. Anna left.", "answer": "Anna"}


def units(sort: str) -> Units | Tokenizer:
    if sort != "wordpiece":
        return learn(sort, [ODD] * 3)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "it", "'", "s", "an", "app", "##le", "-", "tree", ",", "said", "ip", "##ek", ";"]
    words += ["she", "paid", "$", "3", ".", "50", "!", "who"]
    vocabulary: dict[str, Any] = {word: code for code, word in enumerate(words)}
    special: list[Any] = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]
    sides: list[Any] = [{"Sequence": {"id": side, "type_id": k}} for k, side in enumerate("AB")]
    content = {
        "added_tokens": [
            {"id": vocabulary[name], "content": name, "special": True, "single_word": False, "lstrip": False, "rstrip": False}
            | {"normalized": False}
            for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
        ],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "lowercase": True}
        | {"strip_accents": None},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special[0], sides[0], special[1]],
            "pair": [special[0], sides[0], special[1], sides[1], special[1]],
            "special_tokens": {name: {"id": name, "ids": [vocabulary[name]], "tokens": [name]} for name in ("[CLS]", "[SEP]")},
        },
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "vocab": vocabulary}
        | {"max_input_chars_per_word": 100},
    }
    return Tokenizer(content, len(words), Special(0, 2, 3, 1))


@pytest.mark.parametrize("sort", ["characters", "words", "bpe:60", "wordpiece"])
def test_every_code_knows_the_letters_it_stands_for(sort: str) -> None:
    known = units(sort)
    codes, places = known.asked("who", ODD)
    assert len(codes) == len(places) and codes.count(known.special.end) == 2 and places[-1] == places[0] == (0, 0)
    second = codes.index(known.special.end) + 1
    assert all(place == (0, 0) for place in places[:second])
    covered = {letter for first, last in places[second:-1] for letter in range(first, last) if not ODD[letter].isspace()}
    assert covered == {letter for letter in range(len(ODD)) if not ODD[letter].isspace()}, "every letter is in some code"
    for code, (first, last) in zip(codes[second:-1], places[second:-1]):
        if code != known.special.unknown and ODD[first:last].isascii():
            piece, written = known.symbols[code], ODD[first:last]
            assert piece.strip() == (written.strip() if sort == "characters" or "bpe" in sort else written.strip().lower())
    raw = RawQuestions("odd", ["who"] * 3, [ODD] * 3, ["APPLE-tree", "İpek", "$3.50"])
    made = QuestionPreprocessing.of_units(known, open_questions(raw), np.arange(3))
    opened = made.open(open_questions(raw))
    spans = opened.dataset.columns["answer"]["places"].tolist()
    found, wanted = made.answers(opened.raw, spans), ["APPLE-tree", "İpek", "$3.50"]
    if sort == "bpe:60":  # whose units may hold a word's end and the comma after it
        assert all(right in answer and len(answer) <= len(right) + 1 for answer, right in zip(found, wanted))
    else:
        assert found == wanted
        one_more = made.answers(opened.raw, [(first, last + 1) for first, last in spans])
        assert [answer[-1] for answer in one_more] == [",", ";", "."]


def test_an_answer_is_every_code_that_it_shares_a_letter_with() -> None:
    places = [(0, 0), (0, 3), (3, 7), (7, 9), (0, 0)]
    assert covering(places, 0, 3) == (1, 1) and covering(places, 3, 7) == (2, 2)
    assert covering(places, 2, 8) == (1, 3) and covering(places, 6, 7) == (2, 2)
    assert covering(places, 9, 12) == (-1, -1)


def test_an_answer_stands_where_data_say_else_first_as_words_of_its_own() -> None:
    def start(**more: Any) -> list[int] | None:
        return open_questions(pd.DataFrame([{**ROW, **more}])).starts

    assert start() == [15] and start(answer="anna") == [15] and start(answer="nna") == [10]
    assert start(answer="Ann") == [0] and start(answer=" Anna ") == [15]
    assert start(answer={"text": ["left", "no"], "answer_start": [20, 3]}) == [20]
    assert start(context="left, and Anna left", answer="left", answer_start=15) == [15]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"answer": "Bob"}, "row 2: the answer 'Bob' does not stand in its context"),
        ({"answer": {"text": ["left"], "answer_start": [19]}}, "row 2: the answer 'left' does not stand at character 19"),
        ({"question": " "}, "row 2 has no question or no context"),
        ({"context": None}, "row 2 has no question or no context"),
    ],
)
def test_a_row_that_cannot_be_is_refused_by_its_number(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        prepare(pd.DataFrame([ROW, {**ROW, **wrong}, ROW]), task=TASK)


def test_files_of_rows_and_squads_own_give_the_same(tmp_path: Path) -> None:
    rows = [
        {"question": f"Which {k}?", "context": f"It has number {k} and number {k + 1}.", "answer": f"{k + 1}"} for k in range(30)
    ]
    lines, table, squad = (tmp_path / name for name in ("a.jsonl", "a.csv", "squad.json"))
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pd.DataFrame(rows).to_csv(table, index=False)
    qas = [
        {
            "context": row["context"],
            "qas": [{"id": k, "question": row["question"], "answers": [{"text": row["answer"], "answer_start": 27 + (k > 9)}]}],
        }
        for k, row in enumerate(rows)
    ]
    qas[3]["qas"].append({"id": "x", "question": "Whence?", "answers": [], "is_impossible": True})
    squad.write_text(json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": qas}]}))
    opened = [open_questions(str(path)) for path in (lines, table, squad)]
    assert opened[0].starts == opened[1].starts == opened[2].starts == [27] * 10 + [28] * 20
    assert len({tuple(one.questions) for one in opened}) == 1 and opened[2].notes == [
        "1 of 31 questions have no answer and are left out"
    ]
    assert (
        prepare(str(squad), task="question-answering").raw.source[2] == "question: Which 2? context: It has number 2 and number 3."
    )
    assert read_squad(squad) is not None
    squad.write_text(json.dumps({"data": [{"paragraphs": [{"context": "a", "qas": [{"question": "b"}, {}]}]}]}))
    with pytest.raises(DataError, match="question 2: 'question' is not where"):
        open_questions(str(squad))


def test_made_questions_become_spans_and_preprocessing_survives_json() -> None:
    ready = prepare("made-questions", task=TASK)
    assert isinstance(ready.raw, RawQuestions) and ready.task.name == TASK
    assert (len(ready.parts.train), len(ready.parts.test)) == (7200, 400)
    field = ready.spec.outputs["answer"]
    assert isinstance(field, Span) and field.longest == 1 and field.separator == 2
    again = QuestionPreprocessing.from_facts(json.loads(json.dumps(ready.preprocessing.facts())))
    assert again.spec(5) == ready.preprocessing.spec(5)
    spans = ready.parts.test.all().outputs["answer"].tolist()
    rows = ready.rows["test"]
    shown = RawQuestions("some", *([side[row] for row in rows] for side in (ready.raw.questions, ready.raw.contexts)))
    assert again.answers(shown, spans) == [ready.raw.answers[row] for row in rows]


def test_new_questions_need_no_answers_and_one_may_be_written_out() -> None:
    ready = prepare("made-questions", task=TASK)
    one = open_like(ready.preprocessing, '{"question": "where does Anna live?", "context": "anna lives in Rome."}')
    assert one.raw.name == "a question" and one.raw.answers is None and list(one.dataset.columns) == ["text"]
    assert open_like(ready.preprocessing, "made-questions").raw.starts == ready.raw.starts
    with pytest.raises(DataError, match="the question is no JSON"):
        ready.preprocessing.read('{"question": ')
    with pytest.raises(DataError, match="no column 'context'"):
        ready.preprocessing.read('{"question": "who?"}')
    with pytest.raises(DataError, match="no column of answers"):
        prepare(pd.DataFrame([{"question": "who?", "context": "Anna"}] * 5), task=TASK)


def test_units_of_a_run_stay_with_its_weights() -> None:
    texts = prepare(RawTexts("t", ["anna lives in rome"] * 9 + ["ben likes tea"] * 9), task="fill-mask", units="words")
    ready = prepare("made-questions", task=TASK, inherit=texts.preprocessing)
    assert ready.preprocessing.units.pieces == texts.preprocessing.units.pieces
    with pytest.raises(ConfigError, match="leave it out"):
        prepare("made-questions", task=TASK, inherit=texts.preprocessing, units="bpe")
    letters = prepare(RawTexts("t", ["anna", "ben", "clara"] * 9), task="fill-mask")
    with pytest.raises(DataError, match="by characters"):
        prepare("made-questions", task=TASK, inherit=letters.preprocessing)


def test_pairs_serve_as_texts_whose_answers_are_labels() -> None:
    ready = prepare("made-questions", task="text-classification")
    assert isinstance(ready.raw, RawTexts) and len(ready.spec.outputs["answer"].labels) == 36
    made = read_known("made-questions")
    assert open_like(ready.preprocessing, made).raw.labels[5] == made.target[5]

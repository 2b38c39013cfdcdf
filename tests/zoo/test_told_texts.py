"""Texts as they are told: whole characters, stop words across the borders of symbols, a line about what is odd in a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from nnzoo.core.errors import ConfigError
from nnzoo.core.events import Event, Warned, Wrote
from nnzoo.core.fields import Spec, Tokens
from nnzoo.data.raw import RawTexts
from nnzoo.data.text_preprocessing import TextPreprocessing
from nnzoo.zoo import writing
from nnzoo.zoo.writing import Texts, write_texts


class Recites:
    """Writes a script whatever it reads; the state is the place in the script."""

    device, training = torch.device("cpu"), False

    def __init__(self, preprocessing: Any, script: Sequence[int], context: int | None = None) -> None:
        self.script, self.context, self.vocabulary = list(script), context, preprocessing.vocabulary
        self.spec = Spec(inputs={"text": Tokens(vocabulary=self.vocabulary, longest=99, lines=preprocessing.lines)}, train_size=1)
        self.read = 0

    def eval(self) -> None:
        pass

    def start(self, rows: int, room: int | None = None) -> Any:
        return ()

    def step(self, state: Any, symbols_BT: torch.Tensor) -> tuple[torch.Tensor, Any]:
        symbol = self.script[self.read % len(self.script)]
        self.read += 1
        return torch.nn.functional.one_hot(torch.full(symbols_BT.shape, symbol), self.vocabulary) * 50.0, state

    def select(self, state: Any, rows: torch.Tensor) -> Any:
        return state


class Bytes(TextPreprocessing):
    """Every symbol is a byte of UTF-8, as in the vocabularies of language models."""

    def __init__(self) -> None:
        super().__init__("", lines=False, longest=9)

    @property
    def pieces(self) -> list[str]:
        return [chr(k) for k in range(256)]

    def symbols(self, text: str) -> torch.Tensor:
        return torch.tensor([4 + byte for byte in text.encode()], dtype=torch.long)

    def restore(self, name: str, value: Any) -> str:
        return bytes(code - 4 for code in value).decode(errors="replace")


def characters(lines: bool = False) -> TextPreprocessing:
    return TextPreprocessing.fit(RawTexts("letters", ["abc\n defgh"], lines=lines), np.arange(1))


def told(
    preprocessing: TextPreprocessing, script: str, prompts: Sequence[str] = ("",), stop: Sequence[str] = (), **more: Any
) -> tuple[Texts, list[Event]]:
    events: list[Event] = []
    codes = preprocessing.symbols(script).tolist()
    network = Recites(preprocessing, codes, more.pop("context", None))
    settings = {"n": 1, "tokens": len(codes), "temperature": 0.0, **more}
    return write_texts(network, preprocessing, prompts, stop=stop, listen=(events.append,), **settings), events


def pieces(events: Sequence[Event], row: int = 0) -> list[str]:
    return [event.text for event in events if isinstance(event, Wrote) and event.row == row]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces are told with every symbol."""
    monkeypatch.setattr(writing, "EVERY", 0.0)


@pytest.mark.parametrize("every", [0.0, 3600.0])
def test_what_is_told_is_the_text(every: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "EVERY", every)
    texts, events = told(characters(), "abcde fgh", prompts=["h", "a"], n=2)
    assert texts == ["habcde fgh"] * 2 + ["aabcde fgh"] * 2
    assert texts.prompts == ["h", "h", "a", "a"] and texts.written == ["abcde fgh"] * 4 and texts.tokens == [9] * 4
    for row in range(4):
        assert "".join(pieces(events, row)) == "abcde fgh"
        assert len(pieces(events, row)) == (9 if every == 0 else 1)
    assert texts.seconds > 0 and all(event.rows == 4 and event.most == 36 for event in events if isinstance(event, Wrote))


def test_characters_of_several_bytes_come_whole(at_once: None) -> None:
    texts, events = told(Bytes(), "aé€😀z", prompts=["x"])
    assert texts == ["xaé€😀z"] and pieces(events) == ["a", "é", "€", "😀", "z"]
    texts, events = told(Bytes(), "a😀", prompts=["x"], tokens=3)  # the last character lacks two bytes
    assert texts.written == ["a\ufffd"] and pieces(events) == ["a", "\ufffd"]


@pytest.mark.parametrize(
    ("stop", "written", "tokens"),
    [
        (["cd"], "ab", 4),
        (["h", "ef"], "abcd", 6),
        (["abcdefh", "bcd"], "a", 4),
        (["a"], "", 1),
        (["fgg", "hh"], "abcdefgh", 8),
        (["bcd", "cd"], "a", 4),
    ],
)
def test_a_text_ends_before_the_first_stop_word_that_is_complete(stop: list[str], written: str, tokens: int, at_once: None) -> None:
    texts, events = told(characters(), "abcdefgh", stop=stop)
    assert texts.written == [written] == ["".join(pieces(events))] and texts.tokens == [tokens]


def test_nothing_is_told_that_a_stop_word_may_begin_with(at_once: None) -> None:
    _, events = told(characters(), "abcabd", stop=["abd"])
    assert pieces(events) == ["abc"]
    _, events = told(characters(), "abcab", stop=["abd"])
    assert pieces(events) == ["abc", "ab"]  # the end of the text: it did not go on as the stop word


def test_stop_words_lie_across_symbols_of_several_characters() -> None:
    raw = RawTexts("words", ["the cat sat on the mat, the cat ate the rat " * 3], lines=False)
    preprocessing = TextPreprocessing.fit(raw, np.arange(1), units="bpe:40")
    script = "the cat sat on the mat"
    assert len(preprocessing.symbols(script)) < 15
    assert told(preprocessing, script, prompts=["the"], stop=["t on t"])[0].written == ["the cat sa"]
    texts, events = told(preprocessing, script, prompts=["the"], stop=["t x"])
    assert texts.written == [script] == ["".join(pieces(events))]
    assert told(Bytes(), "a€b😀", prompts=["x"], stop=["b😀"])[0].written == ["a€"]


def test_rows_stop_each_at_their_own_word(at_once: None) -> None:
    class Counts(Recites):
        """Each row writes the symbol after the last."""

        def step(self, state: Any, symbols_BT: torch.Tensor) -> tuple[torch.Tensor, Any]:
            return torch.nn.functional.one_hot((symbols_BT + 1).clamp(max=self.vocabulary - 1), self.vocabulary) * 50.0, state

    preprocessing = characters()
    texts = write_texts(Counts(preprocessing, [4]), preprocessing, ["a", "f", "c"], n=1, tokens=4, temperature=0.0, stop=["e", "h"])
    assert texts == ["abcd", "fg", "cd"]


def warnings(events: Sequence[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Warned)]


def test_one_line_names_what_training_never_saw() -> None:
    texts, events = told(characters(), "abc", prompts=["aßxx", "b", "ö"])
    assert texts[0] == "aßxxabc"
    (line,) = warnings(events)
    assert "'x', 'ß', 'ö'" in line and "unknown" in line and "'a'" not in line
    assert warnings(told(characters(), "abc", prompts=["abc"])[1]) == []
    words = TextPreprocessing.fit(RawTexts("w", ["a cat and a cat and"], lines=False), np.arange(1), units="words")
    assert "'tac'" in warnings(told(words, " and", prompts=["a tac cat"])[1])[0]


def test_one_line_says_what_goes_beyond_the_context() -> None:
    assert warnings(told(characters(), "abcd", prompts=["abcde"], context=8)[1]) == []  # 5 read and 3 of the 4 written
    (beyond,) = warnings(told(characters(), "abcde", prompts=["abcde"], context=8)[1])
    assert "last 4" in beyond
    long, _ = warnings(told(characters(), "abc", prompts=["a", "abcdefgha"], context=8)[1])
    assert "9 symbols" in long and "last 8" in long
    assert "9 symbols" in warnings(told(characters(lines=True), "abc", prompts=["abcdefgh"], context=8)[1])[0]  # and `start`


def test_an_empty_stop_word_is_refused() -> None:
    with pytest.raises(ConfigError, match="empty stop word"):
        told(characters(), "abc", stop=["a", ""])

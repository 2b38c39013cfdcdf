"""Texts from a model that writes: what a person should know about the prompts, text told as it comes, and words at which it stops.

Text is told in whole characters: a character of several bytes, written in several symbols, comes when it is complete.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from nnzoo.core.errors import ConfigError
from nnzoo.core.events import Listener, Warned, Wrote
from nnzoo.core.fields import UNKNOWN_SYMBOL
from nnzoo.data.text_preprocessing import TextPreprocessing
from nnzoo.data.tokenizer import Tokenizer
from nnzoo.tasks._beam import write_best
from nnzoo.tasks._writing import Heard, write

EVERY = 0.03  # seconds between two pieces of text that are told
NAMED = 10  # characters named in a warning


class Texts(list[str]):
    """Texts that begin with their prompts. Beside them, one for each: the `prompts`, what was `written` after them, and how
    many `tokens` that is; for all: the `seconds` that writing took."""

    def __init__(self, prompts: Sequence[str], written: Sequence[str], tokens: Sequence[int], seconds: float):
        super().__init__(prompt + text for prompt, text in zip(prompts, written))
        self.prompts, self.written, self.tokens, self.seconds = list(prompts), list(written), list(tokens), seconds


def write_texts(
    network: Any,
    preprocessing: TextPreprocessing,
    prompts: Sequence[str],
    *,
    n: int,
    tokens: int,
    stop: Sequence[str] = (),
    listen: Sequence[Listener] = (),
    beam: int | None = None,
    **settings: Any,
) -> Texts:
    """Each prompt `n` times with what the network writes after it; further `settings` are those of `write`.

    A text ends before the first of the `stop` words that is complete in what was written. Listeners get `Wrote` with every piece of
    text, at most every 0.03 s and without what may be the beginning of a stop word, and `Warned` for a prompt that training had no
    symbols for, or that is too long. With `beam` nothing is drawn: the likeliest text that a search with so many texts side by side
    finds is told when it is found, and of the settings none counts. Raises ConfigError.
    """
    if any(not word for word in stop):
        raise ConfigError("an empty stop word would end every text at once; give one character or more")
    never = preprocessing.never
    codes = [preprocessing.symbols(prompt).tolist() for prompt in prompts]
    frame, context = int(preprocessing.lines), network.context
    notes = _unknown(preprocessing, prompts, codes) + _too_long([len(row) + frame for row in codes], tokens, context)
    for note in notes:
        for listener in listen:
            listener(note)
    ends, begun = preprocessing.ends, [_begun(preprocessing, row) for row in codes for _ in range(n)]
    teller = _Teller(preprocessing, begun, tokens, stop, listen) if stop or listen else None
    began = time.perf_counter()
    heard: Heard | None = None if teller is None else teller.hear
    if teller is None and ends:
        heard = lambda row, code: code in ends  # noqa: E731
    alike: dict[str, Any] = {"tokens": tokens, "never": never, "opening": preprocessing.opening}
    if beam is None:
        rows = write(network, codes, n=n, heard=heard, **alike, **settings)
    else:
        rows = [_heard(heard, row, found) for row, found in enumerate(write_best(network, codes, beam=beam, **alike))]
    seconds = time.perf_counter() - began
    if teller is None:
        written = [_text(preprocessing, [*first, *row])[len(_text(preprocessing, first)) :] for first, row in zip(begun, rows)]
    else:
        written = teller.finish()
    return Texts([prompt for prompt in prompts for _ in range(n)], written, [len(row) for row in rows], seconds)


class _Row:
    """What one row has written: the symbols from `before` on are not text for good, those from `after` on not text yet."""

    def __init__(self, begun: list[int]) -> None:
        self.codes = list(begun)
        self.before, self.after = 0, len(begun)
        self.text, self.told, self.stopped = "", 0, False


class _Teller:
    """Hears symbols, tells text, and finds stop words whatever the borders between symbols."""

    def __init__(
        self,
        preprocessing: TextPreprocessing,
        begun: Sequence[list[int]],
        tokens: int,
        stop: Sequence[str],
        listen: Sequence[Listener],
    ) -> None:
        self.preprocessing, self.stop, self.listen, self.ends = preprocessing, stop, listen, preprocessing.ends
        self.rows = [_Row(codes) for codes in begun]
        self.most, self.heard = len(begun) * tokens, 0
        self.began = self.said = time.monotonic()

    def hear(self, row: int, code: int) -> bool:
        """Take one more symbol; whether the row ends with it."""
        one = self.rows[row]
        one.codes.append(code)
        self.heard += 1
        if self.stop:
            self._read(one)
        if self.listen and time.monotonic() - self.said >= EVERY:
            self._tell()
        return one.stopped or code in self.ends

    def finish(self) -> list[str]:
        """Tell what is left; the whole texts."""
        for one in self.rows:
            self._read(one, last=True)
        self._tell(last=True)
        return [one.text for one in self.rows]

    def _read(self, one: _Row, last: bool = False) -> None:
        """Turn symbols into text. A piece is what the last piece and new symbols are together without the last piece, so that it
        does not matter whether symbols are text by themselves."""
        if one.stopped or one.after == len(one.codes):
            return
        known, whole = (_text(self.preprocessing, codes) for codes in (one.codes[one.before : one.after], one.codes[one.before :]))
        if whole.endswith(UNKNOWN_SYMBOL) and not last:  # a character that lacks bytes
            return
        first = max(0, len(one.text) - max((len(word) - 1 for word in self.stop), default=0))
        one.text += whole[len(known) :]
        one.before, one.after = one.after, len(one.codes)
        places = [(place + len(word), place) for word in self.stop if (place := one.text.find(word, first)) >= 0]
        if places:
            one.text, one.stopped = one.text[: min(places)[1]], True

    def _tell(self, last: bool = False) -> None:
        now = self.said = time.monotonic()
        left = (now - self.began) * (self.most / max(1, self.heard) - 1)
        for row, one in enumerate(self.rows):
            self._read(one, last)
            piece = one.text[one.told : len(one.text) if last or one.stopped else len(one.text) - self._held(one.text)]
            if not piece:
                continue
            one.told += len(piece)
            for listener in self.listen:
                listener(Wrote(row, len(self.rows), piece, self.heard, self.most, left))

    def _held(self, text: str) -> int:
        """How many characters at the end may be the beginning of a stop word."""
        begun = (length for word in self.stop for length in range(1, len(word)) if text.endswith(word[:length]))
        return max(begun, default=0)


def _heard(heard: Heard | None, row: int, codes: list[int]) -> list[int]:
    """The symbols of a row up to the one at which whoever hears them ends it."""
    ending = None if heard is None else next((place for place, code in enumerate(codes) if heard(row, code)), None)
    return codes if ending is None else codes[: ending + 1]


def _text(preprocessing: TextPreprocessing, codes: list[int]) -> str:
    return preprocessing.restore("text", codes) if codes else ""


def _begun(preprocessing: TextPreprocessing, codes: list[int]) -> list[int]:
    """What must stand before written symbols for them to be read as text: pieces of a tokenizer from elsewhere depend on those
    before them."""
    return codes if isinstance(preprocessing.units, Tokenizer) else []


def _unknown(preprocessing: TextPreprocessing, prompts: Sequence[str], codes: Sequence[Sequence[int]]) -> list[Warned]:
    """A line about what training never saw in the prompts: characters, else words."""
    unknown = preprocessing.special.unknown
    strange = [prompt for prompt, row in zip(prompts, codes) if unknown in row]
    if not strange:
        return []
    known = set("".join(preprocessing.pieces))
    characters = sorted({character for prompt in strange for character in prompt} - known)
    words = sorted({word for prompt in strange for word in prompt.split() if unknown in preprocessing.symbols(word)})
    names = characters or words
    shown = ", ".join(repr(name) for name in names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    whose = "prompt holds" if len(prompts) == 1 else "prompts hold"
    return [Warned(f"the {whose} {shown or 'symbols'}, which training did not have; they are read as unknown", "warning")]


def _too_long(lengths: Sequence[int], tokens: int, context: int | None) -> list[Warned]:
    """Lines about what goes beyond the context."""
    if context is None:
        return []
    longest, notes = max(lengths, default=0), []
    if longest > context:
        sentence = f"a prompt of {longest} symbols is longer than the context; its last {context} are read"
        notes.append(Warned(sentence, "warning"))
    if min(longest, context) + tokens - 1 > context:
        kept = max(1, context // 2)
        notes.append(Warned(f"the context holds {context} symbols; whenever it is full, writing goes on from the last {kept}"))
    return notes

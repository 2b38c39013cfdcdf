"""Units that another model brought along: a `tokenizer.json` of the package tokenizers, with the very codes it gives.

    text --normalise, divide, look up--> codes --post-process--> codes with what the model's texts are framed by

Codes are the tokenizer's own: nothing is shifted, and padding, start, end and unknown are wherever its files put them (-1 where
there is none). A network may have more codes than its tokenizer (tables are rounded up): these stand for no text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nnzoo.core.errors import DataError
from nnzoo.core.fields import UNKNOWN_SYMBOL
from nnzoo.data.units import Special, Units, library

NONE = -1  # the code of what a tokenizer does not have
_CLEAN: tuple[tuple[str, str], ...] = ((" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"))
_CLEAN += ((" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"))


class Tokenizer:
    """The tokenizer of a model from elsewhere.

    `content` is its tokenizer.json, `vocabulary` how many codes the network has, `special` where padding, start, end and unknown
    are, `mask` the code of the mask (-1: none), `ends` all codes at which a text that is written ends, `longest` how many codes
    a text may have (None: any number; longer ones are cut, their frame kept), `about` the tokenizer_config.json that came with it.
    Raises ConfigError without the package, DataError where `content` is none of its files.
    """

    sort = "tokenizer"
    exact = True

    def __init__(
        self,
        content: Mapping[str, Any],
        vocabulary: int,
        special: Special,
        mask: int = NONE,
        ends: Sequence[int] = (),
        longest: int | None = None,
        about: Mapping[str, Any] = {},
    ):
        self.content, self.vocabulary, self.special = dict(content), vocabulary, special
        self.mask, self.ends, self.longest, self.about = mask, tuple(ends), longest, dict(about)
        package = library()
        with _Said():
            self._encoder = package.Tokenizer.from_str(json.dumps(self.content))
        self._encoder.no_padding()
        self._encoder.no_truncation()
        if longest is not None:
            self._encoder.enable_truncation(longest)
        self._cleans = bool(self.about.get("clean_up_tokenization_spaces")) and self.content["model"].get("type") != "BPE"

    @property
    def size(self) -> int:
        """How many codes the tokenizer itself gives, those it was given later included."""
        return max(self._encoder.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @property
    def pieces(self) -> list[str]:
        """What the tokenizer calls each code ("" for one that it does not have)."""
        pieces = [""] * self.vocabulary
        for piece, code in self._encoder.get_vocab(with_added_tokens=True).items():
            pieces[code] = piece
        return pieces

    @property
    def symbols(self) -> tuple[str, ...]:
        """The piece of text of every code: "" for those that are no text, spaces as spaces."""
        no_text = {token["id"] for token in self.content.get("added_tokens", []) if token.get("special")}
        pieces = ["" if code in no_text else piece for code, piece in enumerate(self.pieces)]
        if self.content["model"].get("type") == "WordPiece":  # which marks what goes on with a word, not where one begins
            mark = self.content["model"].get("continuing_subword_prefix", "##")
            pieces = [piece.removeprefix(mark) if piece.startswith(mark) else f" {piece}" if piece else "" for piece in pieces]
        if self.special.unknown >= 0:
            pieces[self.special.unknown] = UNKNOWN_SYMBOL
        return tuple(piece.replace("\u2581", " ") for piece in pieces)

    def codes(self, text: str) -> list[int]:
        """A text as codes, with what the tokenizer puts around it."""
        return self._encoder.encode(text).ids

    def asked(self, question: str, context: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Both as codes, with what the tokenizer puts around and between them, and where in the context each code stands ((0, 0):
        nowhere). Longer ones than `longest` are cut, the longer of the two first. Raises DataError where nothing divides them."""
        found = self._encoder.encode(question, context)
        second = found.sequence_ids.index(1) if 1 in found.sequence_ids else len(found.ids)
        if self.special.end not in found.ids[:second]:
            raise DataError("its tokenizer puts nothing between a question and its context, so that they cannot be told apart")
        return found.ids, [span if side == 1 else (0, 0) for span, side in zip(found.offsets, found.sequence_ids)]

    def bare(self, text: str) -> list[int]:
        """A text as codes, with nothing around it."""
        return self._encoder.encode(text, add_special_tokens=False).ids

    def framed(self, text: str) -> list[int]:
        """A line to be written: as `codes`, between start and end where the tokenizer itself leaves them out."""
        codes = self.codes(text)
        start, end = self.special.start, self.special.end
        before = [start] if start >= 0 and codes[:1] != [start] else []
        return [*before, *codes, *([end] if end >= 0 and codes[-1:] != [end] else [])]

    def text(self, codes: Sequence[int]) -> str:
        """The text of codes, without those that stand for none."""
        text = self._encoder.decode([code for code in codes if code < self.size], skip_special_tokens=True)
        for spaced, plain in _CLEAN if self._cleans else ():
            text = text.replace(spaced, plain)
        return text

    def beginning(self, start: int) -> Tokenizer:
        """The same, with another code before what is written."""
        special = self.special._replace(start=start)
        return Tokenizer(self.content, self.vocabulary, special, self.mask, self.ends, self.longest, self.about)

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        more = {"mask": self.mask, "ends": list(self.ends), "longest": self.longest, "about": self.about}
        return {"sort": self.sort, "tokenizer": self.content, "vocabulary": self.vocabulary, "special": [*self.special], **more}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Tokenizer:
        """The inverse of `facts`."""
        known = (facts["tokenizer"], facts["vocabulary"], Special(*facts["special"]))
        return cls(*known, facts["mask"], facts["ends"], facts["longest"], facts["about"])


class _Said:
    """Turns what the package raises, a bare Exception and nothing more special, into DataError."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if kind is Exception:
            said = str(error).splitlines()[0]
            raise DataError(f"its tokenizer.json is none that the package tokenizers reads ({said}); copy it again") from None


def units_of(facts: Mapping[str, Any]) -> Units | Tokenizer:
    """Units from their facts, nnzoo's own or a tokenizer's."""
    return Tokenizer.from_facts(facts) if facts["sort"] == Tokenizer.sort else Units.from_facts(dict(facts))

"""What a text is made of for a network: characters, words, or byte-pair units.

Every unit is a piece of the text itself, the space before a word included, so that units put together are the text again:
"A dog, 2 cats." is " a", " dog", ",", " 2", " cats", "." in words (small letters, spaces made single). `exact` units keep capitals,
line ends and every space, as a text that is to be written on needs it.

Codes: 0 padding, 1 start, 2 end, 3 a unit that the training part did not have (or had once, for words), from 4 on the units.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.fields import UNKNOWN_SYMBOL

SORTS = ("characters", "words", "bpe")
START, END, UNKNOWN, FIRST = 1, 2, 3, 4
RAREST = 2  # how often a word stands in the training part at least
BPE_UNITS = 8000
SHORT = 20  # characters of an answer on average, up to which texts are read by characters
_WORD = re.compile(r" ?(?:\w+|[^\w\s])")
HALF = re.compile("[\ud800-\udfff]")
_EXACT = r" ?\w{1,100}| ?[^\w\s]{1,100}|\s"  # longer runs are no words, and pairs in them would be counted for hours
_SPACE = "\u2581"  # how the library of byte-pair units writes the space before a word


class Special(NamedTuple):
    """The codes that stand for no text of their own."""

    padding: int = 0
    start: int = START
    end: int = END
    unknown: int = UNKNOWN


@dataclass(frozen=True)
class Units:
    """A vocabulary with its rule of division. `merges` are those of byte-pair units, in order."""

    special = Special()

    sort: str
    pieces: tuple[str, ...]
    merges: tuple[tuple[str, str], ...] = ()
    exact: bool = False
    code_of: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "code_of", {piece: FIRST + k for k, piece in enumerate(self.pieces)})
        object.__setattr__(self, "_encoder", None)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The piece of text of every code."""
        spaced = self.sort == "words" and not self.exact  # an unknown word does not hang on the one before
        return ("", "", "", f" {UNKNOWN_SYMBOL}" if spaced else UNKNOWN_SYMBOL, *self.pieces)

    def framed(self, text: str) -> list[int]:
        """A text as codes between start and end."""
        return [START, *self.codes(text), END]

    def codes(self, text: str) -> list[int]:
        """A text as codes, without a frame."""
        if self.sort == "bpe":
            tokens = self._bpe().encode(text if self.exact else _tidy(text)).tokens
            pieces = tokens if self.exact else [piece.replace(_SPACE, " ") for piece in tokens]
        else:
            pieces = divided(text, self.sort, self.exact)
        return [self.code_of.get(piece, UNKNOWN) for piece in pieces]

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where each code of `codes(text)` stands in the text as it is: its first character and the one after its last (a space
        before a word may be among them)."""
        if self.sort == "characters":
            return [(k, k + 1) for k in range(len(text))]
        if self.sort == "words" and self.exact:
            return [match.span() for match in re.finditer(_EXACT, text)]
        if self.sort == "words":  # small letters may be more characters than the letter itself
            origin = [k for k, character in enumerate(text) for _ in character.lower()]
            found = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text.lower())]
            return [(origin[first], origin[last - 1] + 1) for first, last in found]
        spans = self._bpe().encode(text if self.exact else _tidy(text)).offsets
        if self.exact:
            return spans
        origin = [match.start() for match in re.finditer(r"(?<=\S)\s(?=\s*\S)|\S", text)]  # of a run of spaces the first
        return [(origin[first], origin[last - 1] + 1) if last > first else (0, 0) for first, last in spans]

    def asked(self, question: str, context: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Both as codes, each followed by end, and where in the context each code stands ((0, 0): nowhere)."""
        before = [*self.framed(question)]
        found = self.codes(context)
        return [*before, *found, END], [(0, 0)] * len(before) + self.places(context) + [(0, 0)]

    def _bpe(self) -> Any:
        if self._encoder is None:  # type: ignore[attr-defined]
            pieces = [piece if self.exact else piece.replace(" ", _SPACE) for piece in self.pieces]
            vocabulary = {piece: code for code, piece in enumerate([UNKNOWN_SYMBOL, *pieces])}
            package = library()
            model = package.models.BPE(vocabulary, list(self.merges), unk_token=UNKNOWN_SYMBOL)
            object.__setattr__(self, "_encoder", _divider(package, model, self.exact))
        return self._encoder  # type: ignore[attr-defined]

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        exact = {"exact": True} if self.exact else {}
        return {"sort": self.sort, "pieces": list(self.pieces), "merges": [list(merge) for merge in self.merges], **exact}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Units:
        """The inverse of `facts`."""
        return cls(
            facts["sort"], tuple(facts["pieces"]), tuple((a, b) for a, b in facts["merges"]), bool(facts.get("exact", False))
        )


def chosen(units: str | None, answers: Sequence[str]) -> str:
    """The sort of units that was asked for, else the one that suits: characters where an answer has at most 20 of them on average,
    words otherwise. Raises ConfigError for an unknown one."""
    if units is None:
        return "characters" if sum(map(len, answers)) <= SHORT * len(answers) else "words"
    return known_units(units)


def known_units(units: str) -> str:
    """What was asked for, if there are such units. Raises ConfigError."""
    sort, _, size = units.partition(":")
    if sort not in SORTS or (size and (sort != "bpe" or not size.isdecimal() or int(size) < 1)):
        raise ConfigError(f"--units {units} is not known; write characters, words, bpe or bpe:SIZE")
    return units


def learn(units: str, texts: Sequence[str], exact: bool = False) -> Units:
    """The units of that sort (see `chosen`) that these texts have."""
    if any(HALF.search(text) for text in texts):
        raise DataError("the texts hold halves of characters (lone surrogates); decode them from UTF-8 anew")
    return learn_from(units, texts, exact)


def learn_from(units: str, texts: Iterable[str], exact: bool = False) -> Units:
    """The same from texts that are read once, one after the other, and have no halves of characters."""
    sort, _, size = units.partition(":")
    if sort == "bpe":
        return _learn_bpe(texts, int(size or BPE_UNITS), exact)
    counts = Counter(piece for text in texts for piece in divided(text, sort, exact))
    rarest = RAREST if sort == "words" else 1
    return Units(sort, tuple(sorted(piece for piece, count in counts.items() if count >= rarest)), exact=exact)


def divided(text: str, sort: str, exact: bool = False) -> list[str]:
    """A text in characters or words."""
    if sort == "characters":
        return list(text)
    return re.findall(_EXACT, text) if exact else _WORD.findall(" " + _tidy(text).lower())


def _tidy(text: str) -> str:
    """Single spaces between words, none at the ends."""
    return " ".join(text.split())


def _learn_bpe(texts: Iterable[str], size: int, exact: bool = False) -> Units:
    """Byte-pair units (Sennrich et al. 2016): the commonest pair of neighbours becomes one unit, again and again."""
    package = library()
    divider = _divider(package, package.models.BPE(unk_token=UNKNOWN_SYMBOL), exact)
    trainer = package.trainers.BpeTrainer(
        vocab_size=size + 1, min_frequency=2, special_tokens=[UNKNOWN_SYMBOL], show_progress=False
    )
    divider.train_from_iterator(texts if exact else map(_tidy, texts), trainer)
    model = json.loads(divider.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].get)
    merges = tuple((a, b) for a, b in (merge if isinstance(merge, list) else merge.split(" ") for merge in model["merges"]))
    kept = (piece if exact else piece.replace(_SPACE, " ") for piece in pieces if piece != UNKNOWN_SYMBOL)
    return Units("bpe", tuple(kept), merges, exact)


def _divider(package: Any, model: Any, exact: bool) -> Any:
    divider = package.Tokenizer(model)
    before = package.pre_tokenizers
    divider.pre_tokenizer = before.Split(package.Regex(_EXACT), "isolated") if exact else before.Metaspace()
    return divider


def library() -> Any:
    """The package tokenizers. Raises ConfigError where it is missing."""
    try:
        import tokenizers
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError:
        raise ConfigError('byte-pair units need the package tokenizers; install it with: pip install "nnzoo[text]"') from None
    return tokenizers

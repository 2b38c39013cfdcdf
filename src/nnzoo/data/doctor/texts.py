"""Texts: empty and damaged ones, copies and near copies.

Equal texts are equal after capitals, blanks and punctuation are levelled. Near copies share most of their runs of characters:
sets of hashed runs are compared by minima (Broder 1997), candidates by their true overlap. N texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from nnzoo.data.doctor.copies import answers
from nnzoo.data.doctor.finding import Finding, by_error, by_share, count, percent
from nnzoo.data.doctor.twins import Twins, groups, linked
from nnzoo.data.doctor.view import View
from nnzoo.data.raw import RawTexts

RUN = 8  # characters
SHORTEST = 40  # characters; less has too few runs to compare
ALIKE = 0.8  # overlap of near copies
MINIMA, BAND = 32, 4
MOST_RUNS = 3_000_000  # looked at; of more texts every second, third, ... run by its hash
MOST_PAIRS = 20_000
MOST_SYMBOLS, BLOCK = 1 << 26, 1 << 20  # of the training part of a long text: looked at in all, and at once
WINDOW = 64  # characters of a long text that are looked up elsewhere; a power of two
_BROKEN = re.compile("\ufffd|Ã[\u0080-\u00bf]|â\u20ac|Â[\u00a0-\u00bf]")
_LEVEL = re.compile(r"[\W_]+")


class TextView:
    """Texts of all rows beside their levelled form."""

    def __init__(self, view: View):
        self.view = view
        self.texts = [_raw(view, int(part)).texts[row] for part, row in zip(view.part, view.row)]
        self.level = [_LEVEL.sub(" ", text.casefold()).strip() for text in self.texts]
        self.lengths = np.array([len(text) for text in self.texts], dtype=np.float64)


def _raw(view: View, part: int) -> RawTexts:
    raw = view.raw_of(part)
    assert isinstance(raw, RawTexts)
    return raw


def find(texts: TextView) -> Iterator[Finding]:
    """Findings on empty and damaged texts."""
    view = texts.view
    empty = np.array([i for i, level in enumerate(texts.level) if not level and not texts.texts[i].strip()], dtype=np.int64)
    if len(empty):
        yield Finding(
            "warning" if len(empty) >= 3 else by_share(len(empty), len(view)),
            "empty-texts",
            count(len(empty), "text"),
            f"({percent(len(empty) / len(view))}) hold{'s' if len(empty) == 1 else ''} nothing",
            "remove them",
            view.places(empty),
        )
    broken = np.array([i for i, text in enumerate(texts.texts) if _BROKEN.search(text)], dtype=np.int64)
    if len(broken):
        first = _BROKEN.search(texts.texts[broken[0]])
        assert first is not None
        yield Finding(
            "warning" if len(broken) >= 3 else by_share(len(broken), len(view)),
            "broken-encoding",
            count(len(broken), "text"),
            f"({percent(len(broken) / len(view))}) show signs of a wrong encoding, such as '{first[0]}'",
            "read them from their source anew, as UTF-8",
            view.places(broken),
        )


def twins(texts: TextView) -> tuple[Twins, np.ndarray]:
    """Twins (levelled text and label equal), and groups of equal texts (N)."""
    number: dict[str, int] = {}
    keys = [level or text for level, text in zip(texts.level, texts.texts)]
    inputs = np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.int64)
    exact = groups(inputs, answers(texts.view))
    return Twins(exact, linked(exact, _near(texts.level, exact, answers(texts.view)))), inputs


def _near(levels: list[str], exact: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Pairs (P 2) of unequal texts that share most of their runs."""
    once = np.unique(exact, return_index=True)[1]  # one of each group of equal ones
    chosen = np.array([i for i in once if len(levels[i]) >= SHORTEST], dtype=np.int64)
    if len(chosen) < 2:
        return np.empty((0, 2), np.int64)
    runs, offsets = _runs([levels[i] for i in chosen])
    owner = np.repeat(np.arange(len(chosen)), np.diff(offsets))
    every = max(1, len(runs) // MOST_RUNS)
    kept = runs % np.uint64(every) == 0
    runs, owner = runs[kept], owner[kept]
    lengths = np.bincount(owner, minlength=len(chosen))
    full = np.flatnonzero(lengths > 0)
    starts = np.concatenate([[0], np.cumsum(lengths[full])[:-1]])
    random = np.random.RandomState(3)
    minima = np.stack(
        [
            np.minimum.reduceat(
                _mixed(runs * np.uint64(2 * random.randint(1 << 30) + 1) + np.uint64(random.randint(1 << 30))), starts
            )
            for _ in range(MINIMA)
        ],
        1,
    )
    pairs = []
    for band in range(0, MINIMA, BAND):
        key = groups(minima[:, band : band + BAND], answer[chosen[full]])
        order = np.argsort(key, kind="stable")
        for step in (1, 2, 3):
            together = np.flatnonzero(key[order][step:] == key[order][:-step])
            pairs.append(np.sort(np.stack([full[order[together]], full[order[together + step]]], 1), 1))
    candidates = np.unique(np.concatenate(pairs), axis=0)[:MOST_PAIRS]
    ends = np.cumsum(lengths)
    pieces = [(ends[i] - lengths[i], ends[i]) for i in range(len(chosen))]
    close = [_overlap(runs[slice(*pieces[a])], runs[slice(*pieces[b])]) >= ALIKE for a, b in candidates]
    return chosen[candidates[np.array(close, bool)]] if len(candidates) else np.empty((0, 2), np.int64)


def _runs(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all runs of RUN characters end to end (R, uint64), and where each text's begin (N + 1)."""
    lengths = np.array([len(text) for text in texts])
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    hashes = np.zeros(max(0, len(points) - RUN + 1), np.uint64)
    for k in range(RUN):
        hashes = hashes * np.uint64(1_000_003) + points[k : k + len(hashes)]
    ends = np.cumsum(lengths)
    inside = np.ones(len(hashes), bool)
    for back in range(1, RUN):  # runs that reach into the next text
        inside[ends[:-1] - back] = False
    return _mixed(hashes[inside]), np.concatenate([[0], np.cumsum(lengths - RUN + 1)])


def _mixed(hashes: np.ndarray) -> np.ndarray:
    hashes = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    return hashes ^ (hashes >> np.uint64(29))


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """The share of runs that two texts have in common, of those that either has (Jaccard)."""
    a, b = np.unique(a), np.unique(b)
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / max(1, len(a) + len(b) - common)


def long_texts(pieces: dict[str, np.ndarray]) -> Iterator[Finding]:
    """A finding where much of the held-out piece of one long text (symbols T) stands word for word in the training piece, of which
    `MOST_SYMBOLS` are read, at equal distances."""
    held = {part: _windows(symbols)[::WINDOW] for part, symbols in pieces.items() if part != "train"}
    asked = np.unique(np.concatenate([*held.values(), np.empty(0, np.uint64)]))
    known = _known(asked, pieces["train"]) if "train" in pieces else asked[:0]
    for part, spoken in (("test", "test"), ("valid", "validation")):
        own = held.get(part, asked[:0])
        shared = int(np.isin(own, known).sum())
        if shared:
            yield Finding(
                by_error(shared, len(own)),
                "copies-across-parts",
                f"the {spoken} part",
                f"repeats the training part word for word in {percent(shared / len(own))} of its pieces of {WINDOW} characters",
                "cut the text so that what is repeated lies on one side",
            )


def _known(asked: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Those hashes, sorted, that stand among those of a text; of a long one blocks at equal distances are read."""
    perhaps = np.zeros(1 << 20, dtype=bool)
    perhaps[asked % np.uint64(len(perhaps))] = True
    found = np.zeros(len(asked), dtype=bool)
    for begin in range(0, len(symbols), BLOCK * -(-len(symbols) // MOST_SYMBOLS)):
        hashes = _windows(symbols[begin : begin + BLOCK + WINDOW - 1])
        hashes = hashes[perhaps[hashes % np.uint64(len(perhaps))]]  # few go on, since looking them up takes time
        place = np.searchsorted(asked, hashes).clip(max=max(0, len(asked) - 1))
        found[place[asked[place] == hashes]] = True
    return asked[found]


def _windows(symbols: np.ndarray) -> np.ndarray:
    """Hashes of the pieces of WINDOW symbols that begin at every place: of twice the length from two of half of it."""
    hashes, factor, width = symbols.astype(np.uint64), 1_000_003, 1
    while width < WINDOW:
        if len(hashes) <= width:
            return hashes[:0]
        hashes = hashes[:-width] * np.uint64(factor) + hashes[width:]
        factor, width = factor * factor % (1 << 64), 2 * width
    return _mixed(hashes)

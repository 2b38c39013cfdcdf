"""Broken sequences: long texts, labelled texts, pairs, series, music, and prompts."""

from __future__ import annotations

import datetime
import json
import shlex
from collections.abc import Mapping

from faults import Fault, run
from making import both, file, write

PROSE = "".join(f"{i} and {i * 7 % 13} of the {i * i % 101} foxes said {i % 7}.\n\n" for i in range(120))
LSTM = "train lstm a.txt --budget 2steps --set hidden=4 --out run"
PAIRS = "train attention_seq2seq p --budget 2steps --set hidden=4 --out run"
DOGS = "".join(f"dog {i}\n" for i in range(40))
SERIES = "--task time-series-forecasting --horizon 4 --history 8"
DLINEAR = f"train dlinear a.csv {SERIES} --budget 2steps --out run"
JUDGED = "train lstm a.csv --task text-classification --target mood --budget 2steps --set hidden=4 --out run"
FILMS = [f"this is a {'fine' if i % 2 else 'poor'} film number {i},{'good' if i % 2 else 'bad'}" for i in range(40)]
RECORDS = [dict(zip(("text", "mood"), film.split(","))) for film in FILMS]
ROLL = "train lstm a.json --budget 2steps --set hidden=4 --out run"


def days(changes: Mapping[int, str] = {}, count: int = 80) -> str:
    """A table of a number a day, with some rows (from 1) replaced."""
    rows = [f"{datetime.date(2020, 1, 1) + datetime.timedelta(i)},{10 + i % 7}" for i in range(count)]
    return "\n".join(["date,load", *(changes.get(i, row) for i, row in enumerate(rows, 1))]) + "\n"


def films(rows: list[str]) -> str:
    """A table of texts with labels."""
    return "\n".join(["text,mood", *rows]) + "\n"


def records(changes: Mapping[int, str] = {}) -> str:
    """The same as lines of JSON, with some lines (from 1) replaced."""
    return "\n".join(changes.get(i, json.dumps(record)) for i, record in enumerate(RECORDS, 1)) + "\n"


def roll(note: object) -> str:
    """Twelve pieces of music, with one step of the fourth replaced."""
    pieces: list[list[list[object]]] = [[[60 + (i + j) % 5, 64] for j in range(12)] for i in range(12)]
    pieces[3][2] = [note]
    return json.dumps(pieces)


def trained() -> None:
    """A network that has read a text."""
    write("a.txt", PROSE)
    run(shlex.split(LSTM))


FAULTS = [
    Fault("a text of blanks", file(" \n\n\t \n", "a.txt"), LSTM, "a.txt is empty; give a file with text", ["a.txt"]),
    Fault(
        "a text of one symbol",
        file("a" * 4000, "a.txt"),
        LSTM,
        "error: the test part repeats the training part word for word in 100 % of its pieces of 64 characters; "
        "cut the text so that what is repeated lies on one side",
        rule="learned, and the doctor says that the score means nothing",
    ),
    Fault(
        "a text that is one line of 10 MB",
        file("word " * 2_000_000, "a.txt"),
        "data a.txt",
        "text    long text   input         -          5   10000000 characters, 10000000 to 10000000",
        rule="one long text, as any other; within seconds",
    ),
    Fault(
        "a text of control characters",
        file("".join(chr(1 + i % 8) + chr(14 + i % 11) for i in range(3000)), "a.txt"),
        "data a.txt",
        "text    long text   input         -         19   6000 characters, 6000 to 6000",
        rule="every one is a character, but zero bytes are refused",
    ),
    Fault(
        "a text with line ends of Windows",
        file(PROSE.replace("\n", "\r\n"), "a.txt"),
        "data a.txt",
        f"text    long text   input         -         24   {len(PROSE)} characters, {len(PROSE)} to {len(PROSE)}",
        rule="they become plain line ends",
    ),
    Fault(
        "a text with a byte order mark",
        file(b"\xef\xbb\xbf" + PROSE.encode(), "a.txt"),
        "data a.txt",
        f"text    long text   input         -         24   {len(PROSE)} characters, {len(PROSE)} to {len(PROSE)}",
        rule="the mark is left out; it may also say that the text is UTF-16",
    ),
    Fault(
        "half of a character in a text",
        file(PROSE.encode() + b"\xed\xa0\xbd\n", "a.txt"),
        LSTM,
        "a.txt is no UTF-8 text: line 241 holds the byte 0xed; save it as UTF-8",
        ["a.txt", "line 241"],
    ),
    Fault(
        "half of a character in lines of JSON",
        file(records({5: '{"text": "poor \\ud83d film", "mood": "bad"}'}), "a.jsonl"),
        JUDGED.replace("a.csv", "a.jsonl"),
        "a.jsonl: column 'text', row 5 holds half of a character (a lone surrogate); decode it from UTF-8 anew",
        ["a.jsonl", "'text'", "row 5"],
    ),
    Fault(
        "a broken line of JSON among labelled texts",
        file(records({7: '{"text": "cut sh'}), "a.jsonl"),
        JUDGED.replace("a.csv", "a.jsonl"),
        "a.jsonl: line 7 is not valid JSON (Unterminated string starting at in column 10); correct that line",
        ["a.jsonl", "line 7"],
    ),
    Fault(
        "a text without its label",
        file(films([*FILMS, "nothing was said,"])),
        JUDGED,
        "note: 1 of 41 rows have no target and are left out",
        rule="texts without a label are left out, with a note",
    ),
    Fault(
        "texts of one label",
        file(films([film.replace("good", "bad") for film in FILMS])),
        JUDGED,
        "a.csv has only one label, 'bad'; give data with at least two",
        ["a.csv", "'bad'"],
    ),
    Fault(
        "pairs of unequal length",
        both(file(DOGS, "p/train.en"), file(DOGS + "chien 40\n", "p/train.fr")),
        PAIRS,
        "p/train.en has 40 lines and p/train.fr has 41; a pair stands on the same line of both",
        ["p/train.fr", "p/train.en"],
    ),
    Fault(
        "a pair with an empty side",
        both(file(DOGS, "p/train.en"), file(DOGS.replace("dog 7\n", "\n"), "p/train.fr")),
        PAIRS,
        "note: 1 of 40 pairs have an empty side and are left out (line 8 first)",
        rule="such pairs are left out, with a note",
    ),
    Fault(
        "pairs with one line of 10 MB",
        both(file(DOGS + "dog " * 2_500_000 + "\n", "p/train.en"), file(DOGS + "chien\n", "p/train.fr")),
        PAIRS,
        "note: 1 of 41 pairs are longer than ... characters and are left out (line 41 first)",
        rule="such pairs are left out, with a note",
    ),
    Fault(
        "pairs in three columns",
        file("".join(f"dog {i}\tchien {i}\tHund {i}\n" for i in range(40)), "a.tsv"),
        PAIRS.replace(" p ", " a.tsv ") + " --task translation",
        "note: pair 1 has 3 columns; the first two are read, others are left out",
        rule="the first two are read, with a note",
    ),
    Fault(
        "a series shorter than history and horizon",
        file(days(count=10)),
        DLINEAR,
        "a.csv: it has 10 steps, and 8 steps of history with 4 to forecast need 12; give more rows, or smaller --history and "
        "--horizon",
        ["a.csv", "10 steps"],
    ),
    Fault(
        "a series with NaN and empty cells",
        file(days({6: "2020-01-06,nan", 7: "2020-01-07,"})),
        f"data a.csv {SERIES}",
        "load    series   input and target         2          7   10 to 16",
        rule="the number before is taken; `nnzoo data` counts them, and the doctor warns where they are many",
    ),
    Fault(
        "an infinite number in a series",
        file(days({6: "2020-01-06,inf"})),
        DLINEAR,
        "a.csv: column 'load', row 6: 'inf' is infinite or beyond 1e+30; correct it or leave it empty",
        ["a.csv", "'load'", "row 6"],
    ),
    Fault(
        "dates that run backwards",
        file(days({6: "2020-01-07,9", 7: "2020-01-06,8"})),
        DLINEAR,
        "note: the rows are not in the order of 'date' and were sorted by it",
        rule="sorted by date, with a note",
    ),
    Fault(
        "a date that stands twice",
        file(days({6: "2020-01-05,9"})),
        DLINEAR,
        "warning: column 'date' has 1 row whose date stands again further down; of each date the last row was kept; keep one row a "
        "date",
        rule="the last row of each date is kept, with a warning",
    ),
    Fault(
        "a date that is none",
        file(days({6: "yesterday,9"})),
        DLINEAR,
        "a.csv: column 'date', row 6: 'yesterday' is no date; correct it, or remove the row",
        ["a.csv", "'date'", "row 6"],
    ),
    Fault(
        "a piano roll with the note 128",
        file(roll(128), "a.json"),
        ROLL,
        "a.json, piece 4, step 3 holds the note 128, which no piano has; notes are 21 to 108",
        ["a.json", "piece 4", "128"],
    ),
    Fault(
        "a piano roll with the note C4",
        file(roll("C4"), "a.json"),
        ROLL,
        "a.json, piece 4, step 3 holds 'C4', which is no note; notes are numbers 21 to 108",
        ["a.json", "piece 4", "'C4'"],
    ),
    Fault(
        "a MIDI file that is none, as data",
        file(b"MThx and no more", "a.mid"),
        ROLL.replace("a.json", "a.mid"),
        "a.mid has no ending that nnzoo reads; give a table (.csv ...), a text (.txt ...), pictures (...), or a folder",
        ["a.mid"],
    ),
    Fault(
        "a prompt of unknown symbols",
        trained,
        "generate run --prompt 漢字 --tokens 3",
        "warning: the prompt holds '字', '漢', which training did not have; they are read as unknown",
        rule="they are read as the unknown symbol, with a warning",
    ),
    Fault(
        "an empty prompt",
        trained,
        "generate run --prompt '' --tokens 3 --json",
        '"prompts": [',
        rule="the text begins as after a line end",
    ),
    Fault(
        "a text of one character to be scored",
        both(trained, file("t", "b.txt")),
        "evaluate run b.txt",
        "b.txt: there is no symbol to predict in this part; give longer texts",
        ["b.txt"],
    ),
]

"""Broken JSON, Parquet and gzip."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
from faults import Fault, fit
from making import GOOD, ROWS, Maker, file

LINES = [json.dumps({"a": i, "y": i % 2}) for i in range(ROWS)]


def parquet(cut: slice = slice(None), flip: int | None = None) -> Maker:
    """A Parquet file of which only a piece is written, or with one byte changed."""

    def make() -> None:
        pd.DataFrame({"a": np.arange(40.0), "y": ["p", "q"] * 20}).to_parquet("a.parquet")
        content = bytearray(Path("a.parquet").read_bytes())
        if flip is not None:
            content[flip] ^= 0xFF
        Path("a.parquet").write_bytes(bytes(content[cut]))

    return make


def records(*values: object, name: str = "a.jsonl") -> Maker:
    """A maker of JSON lines."""
    return file("\n".join(value if isinstance(value, str) else json.dumps(value) for value in values), name)


FAULTS = [
    Fault(
        "a broken line of JSON",
        records(*LINES[:3], '{"a": 1, "y"', *LINES),
        fit("a.jsonl"),
        "a.jsonl: line 4 is not valid JSON (Expecting ':' delimiter in column 13); correct that line",
        ["a.jsonl", "line 4", "column 13"],
    ),
    Fault(
        "objects within cells of JSON",
        records(*({"a": {"u": i}, "y": i % 2} for i in range(40))),
        fit("a.jsonl"),
        (
            "a.jsonl: column 'a', row 2 holds a dict; a cell must be a number, a text, a date or true/false; give its "
            "pieces columns of their own"
        ),
        ["a.jsonl", "'a'", "row "],
    ),
    Fault(
        "lines of JSON that are no objects",
        records("1", "2"),
        fit("a.jsonl"),
        'a.jsonl: row 1 is not an object with named values; write one like {"a": 1} a line',
        ["a.jsonl", "row 1"],
    ),
    Fault(
        "JSON by columns",
        file('{"a": [1, 2], "y": [0, 1]}', "a.json"),
        fit("a.json"),
        (
            "a.json holds one object where one for each row is needed; write a list of objects, as pandas does with "
            "to_json(orient='records')"
        ),
        ["a.json"],
    ),
    Fault(
        "JSON nested a hundred thousand deep",
        file("[" * 100000, "a.json"),
        fit("a.json"),
        "a.json is not valid JSON: ...; write one list of objects, or one object a line",
        ["a.json"],
    ),
    Fault(
        "an empty list in JSON",
        file("[]", "a.json"),
        fit("a.json"),
        "a.json has no columns; give rows with named values",
        ["a.json"],
    ),
    Fault(
        "a number of 400 digits in JSON",
        records(*(f'{{"a": {10**400 + i}, "y": {i % 2}}}' for i in range(40))),
        fit("a.jsonl"),
        (
            "a.jsonl: column 'a', row 2: '1000000000000000000000000000000000000000' is infinite or beyond 1e+30; "
            "correct it or leave it empty (so it is in 27 more rows: 3, 4, 5, 7, 9, ...)"
        ),
        ["a.jsonl", "'a'", "row "],
    ),
    Fault(
        "a key that some lines of JSON lack",
        records(*({"a": i, "y": i % 2} if i != 6 else {"a": 3} for i in range(40))),
        fit("a.jsonl"),
        "note: 1 of 40 rows have no target and are left out",
        rule="read as a missing value",
    ),
    Fault(
        "Parquet with a flipped byte",
        parquet(flip=100),
        fit("a.parquet"),
        "a.parquet cannot be read as Parquet (...); write or copy it again",
        ["a.parquet"],
    ),
    Fault(
        "Parquet cut short",
        parquet(cut=slice(0, 300)),
        fit("a.parquet"),
        "a.parquet cannot be read as Parquet (...); write or copy it again",
        ["a.parquet"],
    ),
    Fault(
        "CSV that is called .parquet",
        file(GOOD, "a.parquet"),
        fit("a.parquet"),
        "a.parquet cannot be read as Parquet (...); write or copy it again",
        ["a.parquet"],
    ),
    Fault(
        "gzip cut short",
        file(gzip.compress(GOOD.encode())[:-20], "a.csv.gz"),
        fit("a.csv.gz"),
        "a.csv.gz is damaged or cut short (...); copy or download it again",
        ["a.csv.gz"],
    ),
    Fault(
        "plain CSV that is called .gz",
        file(GOOD, "a.csv.gz"),
        fit("a.csv.gz"),
        "a.csv.gz is damaged or cut short (...); copy or download it again",
        ["a.csv.gz"],
    ),
    Fault(
        "gzip that unpacks to 1000 times its size",
        file(gzip.compress(b"a,y\n" + b"0" * (300 << 20), 1), "a.csv.gz"),
        fit("a.csv.gz"),
        "a.csv.gz unpacks to more than 200 times its size, as bombs do; unpack it yourself if you trust it",
        ["a.csv.gz"],
    ),
]

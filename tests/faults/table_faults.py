"""Broken tables: what people's CSV, JSON lines and Parquet files are like on a bad day."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from faults import FIT, Fault, fit

ROWS = 40


def rows(count: int = ROWS) -> list[list[str]]:
    """Rows `a`, `b`, `y`: two numbers, and a class that follows from the first."""
    return [[str(i), str(i * 7 % 11), "high" if i % 20 >= 10 else "low"] for i in range(count)]


def text(table: list[list[str]], header: str = "a,b,y", delimiter: str = ",") -> str:
    """A delimited text of rows below a header."""
    return "\n".join([header.replace(",", delimiter), *(delimiter.join(row) for row in table)]) + "\n"


def changed(row: int, column: int, cell: str, count: int = ROWS) -> list[list[str]]:
    """Good rows with one cell (both counted from 1) replaced."""
    table = rows(count)
    table[row - 1][column - 1] = cell
    return table


def file(content: str | bytes, name: str = "a.csv") -> Callable[[], object]:
    """A maker that writes one file."""
    return lambda: Path(name).write_bytes(content.encode() if isinstance(content, str) else content)


def each(column: int, cell: Callable[[int], str]) -> str:
    """The text of a good table in which one column (from 1) holds `cell(row)`."""
    table = rows()
    for i, row in enumerate(table):
        row[column - 1] = cell(i)
    return text(table)


def parquet(cut: slice = slice(None), flip: int | None = None) -> Callable[[], object]:
    """A Parquet file of which only a piece is written, or with one byte changed."""

    def make() -> None:
        pd.DataFrame({"a": np.arange(40.0), "y": ["p", "q"] * 20}).to_parquet("a.parquet")
        content = bytearray(Path("a.parquet").read_bytes())
        if flip is not None:
            content[flip] ^= 0xFF
        Path("a.parquet").write_bytes(bytes(content[cut]))

    return make


GOOD = text(rows())
LATIN = text(changed(3, 3, "café")).encode("latin-1")
LINES = [json.dumps({"a": i, "y": i % 2}) for i in range(ROWS)]


FAULTS = [
    Fault("an empty file", file(""), fit("a.csv"), "a.csv is empty; ..."),
    Fault("a file of blank lines", file("\n \n\n"), fit("a.csv"), "a.csv is empty; ..."),
    Fault("a header and no rows", file("a,b,y\n"), fit("a.csv"), "a.csv has a header but no rows; add"),
    Fault("one class", file(each(3, lambda i: "low")), fit("a.csv"), "x"),
    Fault("one class of numbers", file(each(3, lambda i: "1")), fit("a.csv"), "x"),
    Fault("no target is known", file(each(3, lambda i: "NaN")), fit("a.csv"), "x"),
    Fault("some targets are missing", file(each(3, lambda i: "?" if i % 5 == 0 else "hl"[i % 2])), fit("a.csv"), "x", rule="x"),
    Fault("a constant column", file(each(2, lambda i: "5")), fit("a.csv"), "x", rule="x"),
    Fault("an empty column", file(each(2, lambda i: "")), fit("a.csv"), "x", rule="x"),
    Fault("all columns constant", file("a,y\n" + "1,p\n1,q\n" * 20), fit("a.csv"), "x"),
    Fault("two columns of one name", file(GOOD.replace("a,b,y", "a,a,y")), fit("a.csv"), "x"),
    Fault("empty header cell", file(GOOD.replace("a,b,y", "a,,y")), fit("a.csv"), "x", rule="y"),
    Fault("short row", file(text(changed(7, 2, "3")).replace("6,3,low", "6,3")), fit("a.csv"), "x"),
    Fault("long row", file(GOOD.replace("6,9,low", "6,9,low,1")), fit("a.csv"), "x"),
    Fault("latin-1", file(LATIN), fit("a.csv"), "x"),
    Fault("UTF-16", file(GOOD.encode("utf-16")), fit("a.csv"), "x"),
    Fault("UTF-16 without bom", file(GOOD.encode("utf-16-le")), fit("a.csv"), "x"),
    Fault("UTF-8 BOM", file(b"\xef\xbb\xbf" + GOOD.encode()), fit("a.csv", "--target y"), "x", rule="x"),
    Fault("NUL", file(GOOD.replace("6,9,low", "6,9\0,low")), fit("a.csv"), "x"),
    Fault("quote never closed", file(GOOD.replace("6,9,low", '6,9,"low')), fit("a.csv"), "x"),
    Fault("quote never closed early, big", file(text(rows(400)).replace("6,9,low", '"6,9,low')), fit("a.csv"), "x"),
    Fault("semicolon", file(text(rows(), delimiter=";")), fit("a.csv"), "x", rule="x"),
    Fault("tab", file(text(rows(), delimiter="\t")), fit("a.csv"), "x", rule="x"),
    Fault("decimal commas ;", file(text([[f"{i},5", b, y] for i, (a, b, y) in enumerate(rows())], delimiter="\t").replace("\t",";")), "data a.csv --json", "x", rule="x"),
    Fault("decimal commas tab", file(text([[f"{i},5", b, y] for i, (a, b, y) in enumerate(rows())], delimiter="\t")), "data a.csv --json", "x", rule="x"),
    Fault("decimal commas quoted", file(each(1, lambda i: f'"{i},5"')), "data a.csv", "x", rule="x"),
    Fault("thousands", file(each(1, lambda i: f'"{i+1},{i+100}"')), "data a.csv", "x", rule="x"),
    Fault("thousands target", file(each(3, lambda i: f'"{i+1},{i+100}"')), "data a.csv", "x", rule="x"),
    Fault("infinite", file(text(changed(7, 2, "inf"))), fit("a.csv"), "x"),
    Fault("1e300", file(text(changed(7, 2, "1e300"))), fit("a.csv"), "x"),
    Fault("1e300 target", file(each(3, lambda i: "1e300" if i == 6 else f"{i}.5")), fit("a.csv"), "x"),
    Fault("one row", file(text(rows(1))), fit("a.csv"), "x"),
    Fault("two rows", file(text([["1","2","p"],["2","3","q"]])), fit("a.csv"), "x"),
    Fault("three rows", file(text([["1","2","p"],["2","3","q"],["2","3","q"]])), fit("a.csv"), "x"),
    Fault("four rows", file(text([["1","2","p"],["2","3","q"],["2","5","q"],["4","5","p"]])), fit("a.csv"), "x"),
    Fault("three rows numbers", file(text([["1","2","1.5"],["2","3","2.5"],["2","3","5.5"]])), fit("a.csv"), "x"),
    Fault("no such target", file(GOOD.replace("a,b,y", "a,b,price")), fit("a.csv", "--target prise"), "x"),
    Fault("id target", file(each(3, lambda i: f"customer-{i}")), fit("a.csv"), "x"),
    Fault("id target number class", file(each(3, lambda i: f"{i}")), fit("a.csv", "--task tabular-classification"), "x"),
    Fault("text in number", file(text(changed(7, 1, "twelve"))), fit("a.csv"), "x"),
    Fault("jsonl broken", file("\n".join(LINES[:3] + ['{"a": 1, "y"'] + LINES), "a.jsonl"), fit("a.jsonl"), "x"),
    Fault("jsonl nested", file("\n".join(json.dumps({"a": {"u": i}, "y": i % 2}) for i in range(40)), "a.jsonl"), fit("a.jsonl"), "x"),
    Fault("jsonl list", file("\n".join(json.dumps({"a": [i], "y": i % 2}) for i in range(40)), "a.jsonl"), fit("a.jsonl"), "x"),
    Fault("jsonl number lines", file("1\n2\n", "a.jsonl"), fit("a.jsonl"), "x"),
    Fault("json object", file('{"a": [1,2]}', "a.json"), fit("a.json"), "x"),
    Fault("json deep", file("[" * 100000, "a.json"), fit("a.json"), "x"),
    Fault("json dup keys/ NaN", file("\n".join('{"a": NaN, "b": %d, "y": %d}' % (i, i % 2) for i in range(40)), "a.jsonl"), fit("a.jsonl"), "x", rule="y"),
    Fault("json huge int", file("\n".join('{"a": %d, "y": %d}' % (10**400 + i, i % 2) for i in range(40)), "a.jsonl"), fit("a.jsonl"), "x"),
    Fault("json mixed", file("\n".join(json.dumps({"a": i if i != 6 else "x", "y": i % 2}) for i in range(40)), "a.jsonl"), fit("a.jsonl"), "x"),
    Fault("json some without", file("\n".join(json.dumps({"a": i, "y": i % 2} if i != 6 else {"a": 3}) for i in range(40)), "a.jsonl"), fit("a.jsonl"), "x", rule="s"),
    Fault("json empty list", file("[]", "a.json"), fit("a.json"), "x"),
    Fault("parquet flip", parquet(flip=10), fit("a.parquet"), "x"),
    Fault("parquet truncated", parquet(cut=slice(0, 300)), fit("a.parquet"), "x"),
    Fault("parquet flip end", parquet(flip=-20), fit("a.parquet"), "x"),
    Fault("parquet flip 100", parquet(flip=100), fit("a.parquet"), "x"),
    Fault("parquet empty", file("", "a.parquet"), fit("a.parquet"), "x"),
    Fault("csv named parquet", file(GOOD, "a.parquet"), fit("a.parquet"), "x"),
    Fault("gz truncated", file(gzip.compress(GOOD.encode())[:-20], "a.csv.gz"), fit("a.csv.gz"), "x"),
    Fault("gz not", file(GOOD, "a.csv.gz"), fit("a.csv.gz"), "x"),
    Fault("gz bomb", file(gzip.compress(b"a,y\n" + b"0" * (300 << 20)), "a.csv.gz"), fit("a.csv.gz"), "x"),
    Fault("xlsx", file(b"PK\x03\x04junk", "a.xlsx"), fit("a.xlsx"), "x"),
    Fault("csv is png", file(b"\x89PNG\r\n\x1a\n" + bytes(100), "a.csv"), fit("a.csv"), "x"),
    Fault("one column csv", file("y\n" + "1\n2\n" * 20, "a.csv"), fit("a.csv"), "x"),
    Fault("neg weight", file(text(changed(7, 2, "-1"))), fit("a.csv", "--weight b"), "x"),
    Fault("zero weight", file(each(2, lambda i: "0")), fit("a.csv", "--weight b"), "x"),
    Fault("weight target", file(GOOD), fit("a.csv", "--weight y --target y"), "x"),
    Fault("class of one example", file(each(3, lambda i: "rare" if i == 6 else "hl"[i%2])), fit("a.csv"), "x", rule="r"),
]

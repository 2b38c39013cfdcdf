"""Broken tables: what people's CSV, JSON lines and Parquet files are like on a bad day."""

from __future__ import annotations

from faults import Fault, fit
from making import GOOD, changed, each, file, rows, text

DATA = "data a.csv --target y"
NUMBERS = "a number input 0 40 0 to 39"  # how `nnzoo data` shows the column a of good rows
HALVES = [[f"{i},5", b, y] for i, (_, b, y) in enumerate(rows())]


FAULTS = [
    Fault("an empty file", file(""), fit("a.csv"), "a.csv is empty; give a table with a header and rows", ["a.csv"]),
    Fault(
        "blank lines and nothing else",
        file("\n \n\n"),
        fit("a.csv"),
        "a.csv is empty; give a table with a header and rows",
        ["a.csv"],
    ),
    Fault(
        "a header and no rows",
        file("a,b,y\n"),
        fit("a.csv"),
        "a.csv has a header but no rows; add at least one row under it",
        ["a.csv", "header"],
    ),
    Fault(
        "one row",
        file(text(rows(1))),
        fit("a.csv"),
        (
            "a.csv: the split leaves no validation rows of 1; give more rows, another --split, or parts of your own "
            "(--valid, --test)"
        ),
        ["a.csv", "of 1"],
    ),
    Fault(
        "three rows",
        file(text(rows(3))),
        fit("a.csv"),
        "a.csv has 3 rows, which leaves 1 to learn from; give more rows",
        ["a.csv", "3 rows"],
    ),
    Fault(
        "four rows, one class of which falls to the test",
        file("a,b,y\n1,2,p\n2,3,q\n2,5,q\n4,5,p\n"),
        fit("a.csv"),
        "a.csv: target 'y' is 'q' in every training row; give more rows of the other labels, or another --split",
        ["a.csv", "'y'"],
    ),
    Fault(
        "one class",
        file(each(3, lambda i: "low")),
        fit("a.csv"),
        "a.csv: target 'y' is 'low' in every training row; give rows of at least two labels",
        ["a.csv", "'y'"],
    ),
    Fault(
        "no target is known",
        file(each(3, lambda i: "NaN")),
        fit("a.csv"),
        "a.csv: target y is missing in every row; name another with --target",
        ["a.csv", "target y"],
    ),
    Fault(
        "some targets are missing",
        file(each(3, lambda i: "?" if i % 5 == 0 else "hl"[i % 2])),
        fit("a.csv"),
        "note: 8 of 40 rows have no target and are left out",
        rule="rows without a target are left out, with a note",
    ),
    Fault(
        "a target that differs in every row",
        file(each(3, lambda i: f"customer-{i}")),
        fit("a.csv"),
        (
            "a.csv: target 'y' has 40 different labels in 40 rows; labels must repeat to be learned; name another "
            "target with --target, or --task tabular-regression if they are numbers"
        ),
        ["a.csv", "'y'"],
    ),
    Fault(
        "a class of a single row",
        file(each(3, lambda i: "rare" if i == 6 else "hl"[i % 2])),
        fit("a.csv"),
        "warning: label 'rare' has fewer than 10 training rows (1); bring more of them, join them with others, or leave them out",
        rule="learned, with a warning",
    ),
    Fault(
        "a constant column",
        file(each(2, lambda i: "5")),
        fit("a.csv"),
        "note: column 'b' is left out: it has one value everywhere",
        rule="the column is left out, with a note",
    ),
    Fault(
        "an empty column",
        file(each(2, lambda i: "")),
        fit("a.csv"),
        "note: column 'b' is left out: it is empty",
        rule="the column is left out, with a note",
    ),
    Fault(
        "no column but constant ones",
        file("a,y\n" + "1,p\n1,q\n" * 20),
        fit("a.csv"),
        ("a.csv has no column to learn from (column 'a' is left out: it has one value everywhere); add columns that vary"),
        ["a.csv", "'a'"],
    ),
    Fault(
        "the target is the only column",
        file("y\n" + "1\n2\n" * 20),
        fit("a.csv"),
        "a.csv has no column to learn from (all are targets); add columns that vary",
        ["a.csv"],
    ),
    Fault(
        "two columns of one name",
        file(GOOD.replace("a,b,y", "a,a,y")),
        fit("a.csv"),
        "a.csv: column 2 is called 'a' like one before it; give every column a name of its own",
        ["a.csv", "column 2"],
    ),
    Fault(
        "a column without a name",
        file(GOOD.replace("a,b,y", "a,,y")),
        DATA,
        "column 2 number input 0 11 0 to 10",
        rule="it is called by its place, such as `column 2`",
    ),
    Fault(
        "no header",
        file(GOOD.removeprefix("a,b,y\n").replace("low", "0").replace("high", "1")),
        "data a.csv --target x2",
        "notes the first line holds numbers, not names: columns are called x0 to x2",
        rule="columns are called x0, x1, ..., with a note",
    ),
    Fault(
        "a row with a cell too few",
        file(GOOD.replace("6,9,low", "6,9")),
        fit("a.csv"),
        ("a.csv: line 8 has 2 cells where the first line has 3; correct it, or put quotes around cells that hold the delimiter"),
        ["a.csv", "line 8"],
    ),
    Fault(
        "a row with a cell too many",
        file(GOOD.replace("6,9,low", "6,9,low,1")),
        fit("a.csv"),
        ("a.csv: line 8 has 4 cells where the first line has 3; correct it, or put quotes around cells that hold the delimiter"),
        ["a.csv", "line 8"],
    ),
    Fault(
        "a quote that is never closed",
        file(GOOD.replace("6,9,low", '6,9,"low')),
        fit("a.csv"),
        "a.csv: a quote that opens in line 8 is never closed; close or remove it",
        ["a.csv", "line 8"],
    ),
    Fault(
        "Latin-1 instead of UTF-8",
        file(changed(3, 3, "café").encode("latin-1")),
        fit("a.csv"),
        ("a.csv: byte 29 (0xe9), in line 4, is not UTF-8; save it as UTF-8, for instance with: iconv -f latin1 -t utf-8"),
        ["a.csv", "line 4", "byte 29"],
    ),
    Fault(
        "UTF-16",
        file(GOOD.encode("utf-16")),
        fit("a.csv"),
        "a.csv is UTF-16; save it as UTF-8, for instance with: iconv -f utf-16 -t utf-8",
        ["a.csv"],
    ),
    Fault(
        "UTF-16 that does not say so",
        file(GOOD.encode("utf-16-le")),
        fit("a.csv"),
        "a.csv holds zero bytes in line 1, as no text does; save the table as UTF-8 text",
        ["a.csv", "line 1"],
    ),
    Fault(
        "a zero byte",
        file(GOOD.replace("6,9,low", "6,9\0,low")),
        fit("a.csv"),
        "a.csv holds zero bytes in line 8, as no text does; save the table as UTF-8 text",
        ["a.csv", "line 8"],
    ),
    Fault("a byte order mark, as Excel writes", file(b"\xef\xbb\xbf" + GOOD.encode()), DATA, NUMBERS, rule="the mark is left out"),
    Fault("line ends of Windows", file(GOOD.replace("\n", "\r\n")), DATA, NUMBERS, rule="read as any other"),
    Fault(
        "semicolons between cells",
        file(text(rows(), delimiter=";")),
        DATA,
        NUMBERS,
        rule="the delimiter is found out (comma, semicolon, tab, bar)",
    ),
    Fault(
        "decimal commas",
        file(text(HALVES, delimiter="\t").replace("\t", ";")),
        DATA,
        "notes commas in column 'a' are read as decimal points",
        rule="read as decimal points where nothing else is possible, with a note",
    ),
    Fault(
        "separators of thousands",
        file(each(1, lambda i: f'"{i + 1},{i + 100}"')),
        fit("a.csv"),
        ("a.csv: column 'a', row 1: '1,100' has a separator of thousands, or one that may be; write numbers like 1234.5"),
        ["a.csv", "'a'", "row 1"],
    ),
    Fault(
        "text in a numeric column",
        file(changed(7, 1, "twelve")),
        fit("a.csv"),
        "a.csv: column 'a', row 7: 'twelve' is not a number; correct it or leave it empty",
        ["a.csv", "'a'", "row 7"],
    ),
    Fault(
        "an infinite number",
        file(changed(7, 2, "inf")),
        fit("a.csv"),
        "a.csv: column 'b', row 7: 'inf' is infinite or beyond 1e+30; correct it or leave it empty",
        ["a.csv", "'b'", "row 7"],
    ),
    Fault(
        "a number beyond what float32 can hold",
        file(changed(7, 2, "1e300")),
        fit("a.csv"),
        "a.csv: column 'b', row 7: '1e300' is infinite or beyond 1e+30; correct it or leave it empty",
        ["a.csv", "'b'", "row 7"],
    ),
    Fault(
        "a huge number as target",
        file(each(3, lambda i: "1e300" if i == 6 else f"{i}.5")),
        fit("a.csv"),
        "a.csv: column 'y', row 7: '1e300' is infinite or beyond 1e+30; correct it or leave it empty",
        ["a.csv", "'y'", "row 7"],
    ),
    Fault(
        "a target that is not there",
        file(GOOD.replace("a,b,y", "a,b,price")),
        fit("a.csv", "--target prise"),
        "a.csv has no target column 'prise'; did you mean 'price'?",
        ["a.csv", "'prise'"],
    ),
    Fault(
        "a negative weight",
        file(changed(7, 2, "-1")),
        fit("a.csv", "--weight b"),
        "a.csv: weight column 'b', row 7 is missing or negative; give a weight of 0 or more",
        ["a.csv", "'b'", "row 7"],
    ),
    Fault(
        "weights of zero",
        file(each(2, lambda i: "0")),
        fit("a.csv", "--weight b"),
        "a.csv: weight column 'b' is 0 in every row; give some rows a weight, or leave it out",
        ["a.csv", "'b'"],
    ),
    Fault(
        "the target as weight",
        file(GOOD),
        fit("a.csv", "--weight y --target y"),
        "a.csv: targets y and weight y must be different columns; name others",
        ["a.csv", "y"],
    ),
    Fault(
        "a picture that is called .csv",
        file(b"\x89PNG\r\n\x1a\n" + bytes(100)),
        fit("a.csv"),
        "a.csv is no text but a picture, by its first bytes; save it as CSV, or give it its right ending",
        ["a.csv", "picture"],
    ),
    Fault(
        "a workbook that is called .csv",
        file(b"PK\x03\x04" + bytes(100)),
        fit("a.csv"),
        ("a.csv is no text but a zip file or a workbook, by its first bytes; save it as CSV, or give it its right ending"),
        ["a.csv", "workbook"],
    ),
    Fault(
        "a workbook",
        file(b"PK\x03\x04junk", "a.xlsx"),
        fit("a.xlsx"),
        "a.xlsx has no ending that nnzoo reads; give a table (.csv ...), ..., or a folder",
        ["a.xlsx"],
    ),
]

"""The page of the documentation on broken inputs, written from the cases that are tested: `python tests/faults/page.py`."""

from __future__ import annotations

from pathlib import Path

import archive_faults
import made_picture_faults
import option_faults
import picture_faults
import record_faults
import run_faults
import sequence_faults
import table_faults
import text_faults
import weight_faults

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
CHAPTERS = {
    "Tables": table_faults.FAULTS + record_faults.FAULTS,
    "Pictures, arrays and archives": picture_faults.FAULTS + archive_faults.FAULTS,
    "Pictures in pairs, by label, made and unusual": made_picture_faults.FAULTS,
    "Texts and graphs": text_faults.FAULTS,
    "Sequences: texts, pairs, series, music and prompts": sequence_faults.FAULTS,
    "Runs, predictions and full disks": run_faults.FAULTS,
    "Models from elsewhere": weight_faults.FAULTS,
    "Names, numbers and options": option_faults.FAULTS,
}
FAULTS = [fault for faults in CHAPTERS.values() for fault in faults]
HEAD = """# What happens to broken inputs

An input that cannot be used is refused: one line on stderr, which names the file and the place in it and says what to do, and exit
code 2; nothing is half done. What can be used is accepted by a rule that is stated here, and mostly in a note.

This page is written by `python tests/faults/page.py` from the cases that `tests/faults` puts through the command line ("..." stands
for what other libraries or the machine say). In the examples the data are called `a.csv`, `p`, `a.npz` and so on, the run `run`."""


def text_of() -> str:
    """The page as it should be."""
    lines = [HEAD]
    for chapter, faults in CHAPTERS.items():
        lines += ["", f"## {chapter}", "", "| the input | what nnzoo says or does |", "|---|---|"]
        lines += [f"| {_cell(fault.title)} | {_cell(fault.shown)} |" for fault in faults]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(text_of(), encoding="utf-8")

"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _argument(name: str, text: str) -> typer.models.ArgumentInfo:
    return typer.Argument(metavar=name, help=text, show_default=False)


def _option(text: str, *names: str, metavar: str | None = None, default: bool = False) -> typer.models.OptionInfo:
    return typer.Option(*names, metavar=metavar, help=text, show_default=default)


Data = Annotated[str, _argument("DATA", "A path (table, pictures, text) or the name of a known set, such as digits or iris.")]
Run = Annotated[Path, _argument("RUN", "The folder of a saved run.")]
Task = Annotated[str | None, _option("What to learn; inferred from the data if left out.", "--task", metavar="T")]
Target = Annotated[list[str], _option("A column to predict; several times for several.", "--target", metavar="COLUMN")]
Valid = Annotated[str | None, _option("Validation data of their own.", "--valid", metavar="DATA")]
Test = Annotated[str | None, _option("Test data of their own.", "--test", metavar="DATA")]
Split = Annotated[str, _option("random, group:COLUMN or time:COLUMN.", "--split", metavar="HOW", default=True)]
Weight = Annotated[str | None, _option("The column that weighs rows.", "--weight", metavar="COLUMN")]
Dedup = Annotated[bool, _option("Drop rows, pictures or texts that repeat another exactly or nearly.", "--dedup")]
Units = Annotated[str | None, _option("Of texts: characters, words, bpe or bpe:SIZE; else as suits.", "--units", metavar="U")]
Horizon = Annotated[int | None, _option("Of series: steps to forecast.", "--horizon", metavar="N")]
History = Annotated[int | None, _option("Of series: steps that a forecast reads.", "--history", metavar="N")]
Calendar = Annotated[bool, _option("Of series with dates: read hour, weekday and day of year of the steps to come.", "--calendar")]
Pairs = Annotated[
    str | None,
    _option(
        "Of single pictures: make pairs by edges, grey, masked, downscaled or noisy, or split them, side-by-side.",
        "--pairs",
        metavar="P",
    ),
]
Normal = Annotated[str | None, _option("Learn from rows of this label alone, without their labels.", "--normal", metavar="L")]
Metric = Annotated[str | None, _option("The score to judge by; each task has a usual one.", "--metric", metavar="M")]
Seed = Annotated[int, _option("Whatever is random follows from it.", "--seed", metavar="N", default=True)]
Device = Annotated[str, _option("auto, cpu, cuda, ...", "--device", metavar="D", default=True)]
Precision = Annotated[str, _option("float32 or bfloat16.", "--precision", metavar="P", default=True)]
Accumulate = Annotated[int, _option("Batches to one step.", "--accumulate", metavar="N", default=True)]
Patience = Annotated[
    int | None,
    _option("Looks at the validation part without a better one before a stage ends; 0: never.", "--patience", metavar="N"),
]
Track = Annotated[list[str], _option("tensorboard or mlflow: show there what happens; both for both.", "--track", metavar="T")]
Compile = Annotated[bool, _option("Compile the network first.", "--compile")]
Own = Annotated[Path | None, _option("The Python file of the run's kind, where it is one of your own.", "--kind", metavar="FILE")]
Json = Annotated[bool, _option("Print one JSON document and nothing else.", "--json")]

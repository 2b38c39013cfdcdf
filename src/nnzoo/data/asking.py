"""What data ask for: the task that they pose by themselves, and which columns of a table are to be predicted."""

from __future__ import annotations

from collections.abc import Sequence

from nnzoo.core.errors import DataError
from nnzoo.data.dividing import naming_the_data
from nnzoo.data.raw import Raw, RawImages, RawPairs, RawPicturePairs, RawQuestions, RawSequences, RawSeries, RawTable, RawTexts
from nnzoo.data.table_preprocessing import output_kind
from nnzoo.data.tables import known_column

IMAGE_TO_IMAGE = "image-to-image"
CONDITIONAL = "class-conditional-image-generation"
TARGET_NAMES = ("target", "label", "class", "y")


@naming_the_data
def infer_task(raw: Raw, targets: Sequence[str] = ()) -> str:
    """The name of the task that the data pose: predict what there is to predict, else make more of the same. Raises DataError."""
    if isinstance(raw, RawTable):
        targets = tuple(targets) or raw.targets
        kinds = {output_kind(raw.frame[known_column(raw, name, "target column")]) for name in targets}
        if not kinds:
            return "unconditional-generation"
        return "tabular-classification" if kinds == {"classes"} and len(targets) == 1 else "tabular-regression"
    if isinstance(raw, RawSeries):
        return "time-series-forecasting"
    labelled = getattr(raw, "labels", None) is not None
    if isinstance(raw, RawImages):
        return "image-classification" if labelled else "unconditional-image-generation"
    if isinstance(raw, RawPicturePairs):
        return IMAGE_TO_IMAGE
    if isinstance(raw, RawTexts):
        return "text-classification" if labelled else "text-generation"
    if isinstance(raw, RawSequences):
        if raw.values is not None:
            return "sequence-regression"
        if not labelled and raw.tags is None and not raw.binary:
            raise DataError("these sequences have nothing to predict; give numbers, labels or labels at every step beside them")
        return "sequence-classification" if labelled else "sequence-tagging" if raw.tags is not None else "polyphonic-music"
    return raw.asks if isinstance(raw, (RawPairs, RawQuestions)) else "node-classification"


def unlabelled(task: str) -> bool:
    """Whether a task learns from the data alone, so that labels beside them are left out."""
    return ("generation" in task and task != CONDITIONAL) or task in ("fill-mask", "reconstruction")


def choose_targets(raw: Raw, targets: Sequence[str] | str = (), task: str | None = None) -> tuple[tuple[str, ...], list[str]]:
    """The columns to predict and a note where they were guessed. No targets where the task makes data."""
    targets = (targets,) if isinstance(targets, str) else tuple(targets)
    if not isinstance(raw, RawTable) or targets:
        return targets, []
    if task and unlabelled(task):
        return (), []
    if raw.targets or not raw.guess:
        return raw.targets, []
    names = list(raw.frame.columns)
    named = [name for wanted in TARGET_NAMES for name in names if name.lower() == wanted]
    if not named and len(names) == 1:
        return (), []
    reason = "by its name" if named else "since it is the last column"
    target = (named or names[-1:])[0]
    return (target,), [f"'{target}' is taken as the target, {reason}; --target names another"]

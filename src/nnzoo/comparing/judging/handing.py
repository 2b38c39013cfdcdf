"""Which judge a task gets, if any, and real data scored as if they were made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nnzoo.comparing.judging.pictures import PictureJudge, judge_of
from nnzoo.comparing.judging.points import PointJudge
from nnzoo.core.dataset import Dataset
from nnzoo.core.events import Event, Warned
from nnzoo.core.fields import Classes, Image, Rows, Table
from nnzoo.core.task import Evaluation, Task

if TYPE_CHECKING:
    from nnzoo.data.prepare import Prepared


def makes_data(task: Task) -> bool:
    """Whether a task makes pictures or points."""
    return task.name in ("unconditional-image-generation", "unconditional-generation", "class-conditional-image-generation")


def with_judge(prepared: Prepared, listen: Sequence[Callable[[Event], Any]] = ()) -> Task:
    """The task of prepared data with the judge that suits them, which has still to `learn`; as it was where there is none."""
    task = prepared.task
    if not makes_data(task):
        return task
    if prepared.spec.only("inputs", Image) or prepared.spec.only("outputs", Image):
        judge = judge_of(prepared)
        if isinstance(judge, PictureJudge):
            return task.judged_with(judge)
        for listener in listen:
            listener(Warned(judge))
        return task
    truth = prepared.raw.truth
    if "centres" in truth and prepared.spec.only("inputs", Table):
        return task.judged_with(PointJudge(truth["centres"], float(truth["sigma"])))
    return task


class TrainingRows:
    """The training part behind a generator's call: rows of it, drawn without replacement while they last, of labels where asked."""

    device = torch.device("cpu")
    training = False

    def __init__(self, train: Dataset):
        self.train = train
        self.name = train.spec.only("inputs", Classes)
        self.codes_N = None if self.name is None else train.stored(self.name, "codes").cpu()

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` standardised rows (n ...)."""
        if condition is None or self.codes_N is None:
            rows = _some(torch.arange(len(self.train)), n)
        else:
            rows = torch.empty(n, dtype=torch.long)
            for code in condition.unique().tolist():
                where = torch.nonzero(condition.cpu() == code)[:, 0]
                own = torch.nonzero(self.codes_N == code)[:, 0]
                rows[where] = _some(own if len(own) else torch.arange(len(self.train)), len(where))
        batch = self.train.take(rows.to(self.train.device))
        (value,) = (batch.inputs if self.name is None else batch.outputs).values()
        return (value.numeric_BF if isinstance(value, Rows) else value).cpu()


def _some(rows: Tensor, n: int) -> Tensor:
    """`n` of the rows in random order, each as often as any other."""
    rounds = [rows[torch.randperm(len(rows))] for _ in range(-(-n // len(rows)))]
    return torch.cat(rounds)[:n]


def bound(judge: Task, train: Dataset, test: Dataset, seed: int) -> Evaluation:
    """Training rows scored as if they were made: what a generator can hope for, and no generator, since they are copies."""
    return judge.evaluate(TrainingRows(train), test, seed=seed, reference=train)

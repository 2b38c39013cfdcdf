"""What a kind that makes data is asked to make: points, pictures, or pictures of a given label."""

from __future__ import annotations

from typing import NamedTuple

from nnzoo.core.fields import Classes, Image, Spec, Table
from nnzoo.core.network import No
from nnzoo.core.task import Task

SMALLEST = 4  # pixels a side
TASKS = ("unconditional-generation", "unconditional-image-generation", "class-conditional-image-generation")


class Made(NamedTuple):
    """The name and field of what is made; the name of the label and how many there are, where it is made of one."""

    name: str
    field: Table | Image
    label: str = ""
    labels: int = 0


def what_is_made(kind: str, spec: Spec, task: Task) -> Made | No:
    """What data and task ask of `kind`, or one sentence: why it cannot, and what to do."""
    if task.name not in TASKS:
        return No(f"{kind} makes new data and cannot do {task.name}; use one of the tasks {', '.join(TASKS)}")
    if task.name == "class-conditional-image-generation":
        label, name = spec.only("inputs", Classes), spec.only("outputs", Image)
        if label is None or name is None:
            return No(f"{kind} makes pictures of a label; give pictures with one label each")
        classes, image = spec.inputs[label], spec.outputs[name]
        assert isinstance(classes, Classes) and isinstance(image, Image)
        return _large_enough(kind, Made(name, image, label, classes.size))
    if spec.outputs:
        return No(f"{kind} makes new data and predicts nothing; leave the target out, or use mlp to predict it")
    if task.name == "unconditional-image-generation":
        name = spec.only("inputs", Image)
        if name is None:
            return No(f"{kind} makes pictures out of pictures; give pictures, or a table of numbers for points")
        image = spec.inputs[name]
        assert isinstance(image, Image)
        return _large_enough(kind, Made(name, image))
    name = spec.only("inputs", Table)
    table = spec.inputs[name] if name is not None else None
    if name is None or not isinstance(table, Table) or table.categories or not table.numeric:
        return No(f"{kind} makes points out of numbers; give a table of numeric columns only")
    return Made(name, table)


def _large_enough(kind: str, made: Made) -> Made | No:
    assert isinstance(made.field, Image)
    height, width = made.field.height, made.field.width
    if min(height, width) < SMALLEST:
        return No(f"{kind} needs pictures of at least {SMALLEST} x {SMALLEST} pixels, these are {height} x {width}; use rbm")
    return made

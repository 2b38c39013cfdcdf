"""What a kind is trained for where nobody names a task: what the data pose, or what else the kind can do with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nnzoo.core.errors import NnzooError
from nnzoo.core.fields import AnyField, Image, Spec
from nnzoo.data.asking import CONDITIONAL

if TYPE_CHECKING:
    from nnzoo.core.network import Network
    from nnzoo.data.prepare import Prepared

OF_PICTURES = (CONDITIONAL, "unconditional-image-generation", "reconstruction")
OF_TABLES = ("unconditional-generation", "reconstruction")


def suiting(kind: str, prepared: Prepared, again: Callable[[str], Prepared]) -> Prepared:
    """The data as they are prepared for the task that they pose; where that is not for this kind, for one that is, with a note.

    That is exactly one other task that fits the same data; else, of data with labels or a target, the first that makes pictures
    from labels, makes more of the same, or gives them back. `again` prepares the data for another task. Where nothing suits, the
    data stay as they are, and the kind says why it refuses them.
    """
    from nnzoo import tasks
    from nnzoo.networks import find

    cls = find(kind)
    if cls.can(prepared.spec, prepared.task):
        return prepared
    posed = prepared.task.name
    others = [tasks.find(name) for name in tasks.names() if name != posed]
    suited = [one for one in others if one.fits(prepared.spec) is None and cls.can(prepared.spec, one)]
    if len(suited) == 1:
        prepared.task = suited[0].suited(prepared.spec)
    elif suited or not prepared.spec.outputs:
        return prepared
    else:
        other = _prepared_again(cls, prepared, again)
        if other is None:
            return prepared
        prepared = other
    prepared.notes.append(f"the task is {prepared.task.name}, since {cls.kind} does no {posed}; --task names another")
    return prepared


def _prepared_again(cls: type[Network], prepared: Prepared, again: Callable[[str], Prepared]) -> Prepared | None:
    """The data without their target, or with their labels as inputs, for the first task that the kind can do with these."""
    from nnzoo import tasks
    from nnzoo.data.raw import RawImages, RawTable

    if isinstance(prepared.raw, RawImages):
        able = (name for name in OF_PICTURES if cls.can(_spec_for(name, prepared.spec), tasks.find(name)))
        name = next(able, None)
        return None if name is None else again(name)
    if not isinstance(prepared.raw, RawTable):
        return None
    for name in OF_TABLES:
        try:
            other = again(name)
        except NnzooError:  # a column that holds categories, say
            continue
        if cls.can(other.spec, other.task):
            return other
    return None


def _spec_for(task: str, spec: Spec) -> Spec:
    """Pictures with labels, as they are prepared for another task."""
    pictures: dict[str, AnyField] = {name: field for name, field in spec.inputs.items() if isinstance(field, Image)}
    if task == CONDITIONAL:
        return Spec(inputs=spec.outputs, outputs=pictures, train_size=spec.train_size)
    return Spec(inputs=pictures, train_size=spec.train_size)

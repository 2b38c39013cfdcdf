"""What kinds there are, and what each can do: read from file names, files and cards; nothing is listed by hand."""

from __future__ import annotations

import ast
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnzoo.networks import family, files, find, names

if TYPE_CHECKING:
    from nnzoo.core.fields import Spec
    from nnzoo.core.network import Network

RESULTS = Path(__file__).parent.parent / "reproductions" / "results"


def kinds(name: str | None = None, *, task: str | None = None) -> list[dict[str, Any]] | dict[str, Any]:
    """All kinds (`kind`, `family`, `idea`), those that can do a task (also their `abilities` there), or, by `name`, one in full:
    its card, settings, tasks, abilities and reproduction. Raises ConfigError for a name or task that there is not.

    Without a name and a task nothing is imported: the ideas are the first lines of the files.
    """
    if name is not None:
        return describe(name)
    listed = [{"kind": kind, "family": family(kind), "idea": _first_line(kind)} for kind in names()]
    if task is None:
        return listed
    from nnzoo.tasks import find as find_task

    find_task(task)
    found = []
    for entry in listed:
        tasks = tasks_of(find(entry["kind"]))
        if task in tasks:
            found.append({**entry, "abilities": tasks[task]})
    return found


def describe(name: str) -> dict[str, Any]:
    """Everything about one kind, as JSON. `reproductions` holds the stored results, an empty list where there are none yet."""
    from dataclasses import asdict

    cls = find(name)
    results = RESULTS / f"{cls.kind}.json"
    return {
        "kind": cls.kind,
        "family": family(name),
        "card": asdict(cls.card),
        "settings": {
            field: {
                "default": None if value.is_required() else value.get_default(call_default_factory=True),
                "type": _type_name(value.annotation),
            }
            for field, value in cls.Config.model_fields.items()
        },
        "tasks": tasks_of(cls),
        "reproductions": json.loads(results.read_text(encoding="utf-8")) if results.is_file() else [],
    }


def tasks_of(cls: type[Network]) -> dict[str, list[str]]:
    """Every task that the kind can do on data of some usual shape, and the names of the abilities that it has there."""
    from nnzoo import tasks
    from nnzoo.core.network import No

    found: dict[str, list[str]] = {}
    for name in tasks.names():
        task = tasks.find(name)
        for spec in usual_specs():
            if task.fits(spec) is not None:
                continue
            able = cls.can(spec, task)
            if not isinstance(able, No):
                known = found.setdefault(name, [])
                known += [ability.__name__ for ability in able.abilities if ability.__name__ not in known]
    return found


@cache
def usual_specs() -> tuple[Spec, ...]:
    """The shapes of data that people have: every kind of input alone, and with every kind of output."""
    from nnzoo.core.fields import AnyField, Category, Classes, Graph, Image, Series, Span, Spec, Table, Tags, Tokens, Values

    numbers = ("a", "b")
    inputs: tuple[AnyField, ...] = (
        Table(numeric=numbers, mean=(0.0, 0.0), std=(1.0, 1.0)),
        Table(numeric=numbers, mean=(0.0, 0.0), std=(1.0, 1.0), categories=(Category(name="c", size=3),)),
        Image(channels=1, height=28, width=28),
        Image(channels=3, height=32, width=32),
        Tokens(vocabulary=50, longest=20, lines=True),
        Tokens(vocabulary=50, longest=100_000, lines=False),
        Series(names=numbers, mean=(0.0, 0.0), std=(1.0, 1.0), longest=50, even=False),
        Series(names=numbers, mean=(0.0, 0.0), std=(1.0, 1.0), longest=50, even=False, binary=True),
        Graph(features=8),
        Classes(labels=("no", "yes")),
    )
    outputs: tuple[dict[str, AnyField], ...] = (
        {},
        {"y": Classes(labels=("no", "yes"))},
        {"y": Values(names=("y",), mean=(0.0,), std=(1.0,))},
        {"y": Values(names=("y", "z"), mean=(0.0, 0.0), std=(1.0, 1.0))},
        {"y": Image(channels=1, height=28, width=28)},
        {"y": Image(channels=3, height=32, width=32)},
        {"y": Tokens(vocabulary=50, longest=20, lines=True)},
        {"y": Tags(labels=("no", "yes"))},
        {"y": Span(separator=2, longest=10)},
    )
    return tuple(Spec(inputs={"x": x}, outputs=y, train_size=1000) for x in inputs for y in outputs)


def _first_line(kind: str) -> str:
    """The first line of what a kind's file says of itself; for an installed one, its card's idea."""
    path = files().get(kind)
    if path is None:
        return find(kind).card.idea
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def _type_name(annotation: Any) -> str:
    return (
        annotation.__name__
        if isinstance(annotation, type) and not hasattr(annotation, "__args__")
        else str(annotation).replace("typing.", "")
    )

"""The README.md of a run: what the model is, what it was made from, how good it is, how to use it.

Its front matter is Hugging Face's model card metadata (YAML; strings are written as JSON, which YAML reads).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nnzoo.core.fields import AnyField, Classes, Future, Graph, Image, Series, Span, Table, Tags, Tokens, Values

if TYPE_CHECKING:
    from nnzoo.core.network import Network
    from nnzoo.zoo.runs import Manifest

# tasks that Hugging Face knows as pipelines, under the same names
PIPELINES = (
    "tabular-classification",
    "tabular-regression",
    "image-classification",
    "text-classification",
    "text-generation",
    "fill-mask",
    "unconditional-image-generation",
    "image-to-image",
)
PICTURES_BACK = ("image-to-image", "reconstruction")  # tasks whose answers are like what went in


def card_of(manifest: Manifest, kind: type[Network], name: str) -> str:
    """The text of the card of a run named `name`."""
    card = kind.card
    return "\n".join(
        [
            *_front(manifest, name),
            f"# {name}: {manifest.kind} for {manifest.task}",
            "",
            f"{card.idea} It learns {card.learns}." if card.learns else card.idea,
            "",
            f"    {card.equation}",
            "",
            f"Source: {card.paper}, {card.year}. Good at: {card.good_at}. Weak at: {card.weak_at}. Cost: {card.cost}.",
            "",
            "## Data",
            "",
            *_data(manifest),
            *([""] if manifest.notes else []),
            *(f"- note: {note}" for note in manifest.notes),
            "",
            "## Scores",
            "",
            *_scores(manifest),
            "",
            "## Use",
            "",
            *_use(manifest, name),
            "",
            f"Made by nnzoo {manifest.nnzoo} on {manifest.date}, seed {manifest.seed}.",
            "",
        ]
    )


def _front(manifest: Manifest, name: str) -> list[str]:
    lines = ["---", "library_name: nnzoo"]
    if manifest.task in PIPELINES:
        lines.append(f"pipeline_tag: {manifest.task}")
    lines += ["tags:", "- nnzoo", f"- {json.dumps(manifest.kind)}", f"- {manifest.task}"]
    numbers = {key: value for key, value in manifest.scores.get("test", {}).items() if value is not None}
    if numbers:
        lines += ["model-index:", f"- name: {json.dumps(name)}", "  results:"]
        lines += ["  - task:", f"      type: {manifest.task}", "    dataset:"]
        lines += [f"      name: {json.dumps(manifest.data)}", f"      type: {json.dumps(manifest.data)}", "    metrics:"]
        for key, value in numbers.items():
            lines += [f"    - type: {key}", f"      value: {value!r}"]
    return [*lines, "---", ""]


def _data(manifest: Manifest) -> list[str]:
    spec = manifest.spec
    origin = manifest.training.get("imported")
    learned = f"Imported from `{manifest.data}`, a {origin['architecture']}" if origin else ""
    lines = [f"{learned or f'Learned from {spec.train_size:,} rows of `{manifest.data}`'}.", ""]
    if manifest.adapter:
        a = manifest.adapter
        lines += [
            f"Low-rank adapters (rank {a['rank']}) of {len(a['layers'])} layers; the other weights are those of `{a['from']}`.",
            "",
        ]
    for side, fields in (("in", spec.inputs), ("out", spec.outputs)):
        lines += [f"- {side}: `{name}`, {describe(field)}" for name, field in fields.items()]
    return lines


def describe(field: AnyField) -> str:
    """A field in a few words."""
    match field:
        case Table():
            return f"a table row of {len(field.numeric)} numbers and {len(field.categories)} categories"
        case Image():
            return f"a picture of {field.width} x {field.height} pixels with {field.channels} channels"
        case Tokens():
            return f"{'lines' if field.lines else 'text'} of {field.vocabulary} different symbols"
        case Graph():
            return f"a node of a graph with {field.features} features"
        case Classes():
            shown = ", ".join(field.labels[:10])
            return f"one of {field.size} labels ({shown}{', ...' if field.size > 10 else ''})"
        case Series():
            length = f"{field.longest}" if field.even else f"up to {field.longest}"
            return f"{length} steps of {field.size} {'notes or switches' if field.binary else 'numbers'} each"
        case Tags():
            return f"one of {field.size} labels at every step"
        case Span():
            return f"a piece of the context, of {field.longest} symbols at most"
        case Future():
            return f"the next {field.horizon} steps of {', '.join(field.names[:10])}{', ...' if len(field.names) > 10 else ''}"
        case Values():
            return f"{field.size} numbers ({', '.join(field.names[:10])}{', ...' if field.size > 10 else ''})"


def _scores(manifest: Manifest) -> list[str]:
    parts = {part: numbers for part, numbers in manifest.scores.items() if numbers}
    if not parts:
        return ["Not scored."]
    names = list(dict.fromkeys(name for numbers in parts.values() for name in numbers))
    lines = [f"| score | {' | '.join(parts)} |", f"|---|{'---|' * len(parts)}"]
    for name in names:
        shown = [numbers.get(name) for numbers in parts.values()]
        lines.append(f"| {name} | {' | '.join('' if value is None else f'{value:.4g}' for value in shown)} |")
    return lines


def _use(manifest: Manifest, name: str) -> list[str]:
    load = ["import nnzoo", f"model = nnzoo.load({json.dumps(name)})"]
    if manifest.task == "fill-mask":
        python, shell = [*load, 'print(model.predict("a text with a [MASK]"))'], f'nnzoo predict {name} "a text with a [MASK]"'
    elif manifest.task in PICTURES_BACK:
        python = [*load, 'print(model.evaluate("more-data"))', 'answers = model.predict("new-data")']
        shell = f"nnzoo predict {name} new-data --out answers"
    elif not manifest.spec.outputs or manifest.spec.only("inputs", Classes):
        prompted = isinstance(next(iter(manifest.spec.inputs.values())), Tokens)
        python = [*load, "print(model.generate(n=5)[0])" if prompted else "made = model.generate(n=5)"]
        shell = f"nnzoo generate {name} --n 5"
    else:
        python = [*load, 'print(model.predict("new-data"))', 'print(model.evaluate("labelled-data"))']
        shell = f"nnzoo predict {name} new-data"
    return ["```python", *python, "```", "", "```", shell, "```"]

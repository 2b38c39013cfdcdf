"""What the best network did with rows of the test part, to look at: confusion, right and wrong rows, scatter, made data.

N rows, K classes, O numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import torch

from nnzoo.comparing import forecasts, residuals
from nnzoo.comparing.charts import padded, scatter
from nnzoo.comparing.entries import Comparison, Entry, chosen_order
from nnzoo.comparing.labels import clipped
from nnzoo.comparing.rows import clipped_lines, grid, rows_shown, table
from nnzoo.comparing.scored import scored_rows
from nnzoo.comparing.sequence_baselines import texts_of
from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Classes, Future, Image, Table, Tokens, Values
from nnzoo.core.seeds import generator
from nnzoo.data.text_preprocessing import UNKNOWN
from nnzoo.tasks._writing import write

SHOWN = 12  # examples of a sort
MOST_CLASSES = 26  # in a confusion matrix that one can read
MOST_POINTS = 800
LONGEST_LABEL = 40  # characters of a label in a caption
MADE = 20  # pictures of each entrant
WRITTEN = 300  # symbols of each text written


def sections(comparison: Comparison, colour: str) -> list[tuple[str, str]]:
    """Headings and HTML about the best network's first seed; only those that the task has something to show for."""
    best = comparison.best_network
    if best is None or comparison.prepared is None or not best.evaluations:
        return []
    spec = comparison.prepared.spec
    if comparison.task == "reconstruction":
        return _given_back(comparison)
    if spec.only("outputs", Image) and spec.only("inputs", Classes):
        return _made_pictures(comparison)
    if spec.only("outputs", Classes):
        return _classification(comparison, best)
    if spec.only("outputs", Values):
        return residuals.sections(comparison, best, colour)
    if spec.only("outputs", Image):
        return _pictures(comparison, best)
    if spec.only("outputs", Future):
        return forecasts.sections(comparison, best, colour)
    if spec.only("outputs", Tokens):
        return _translated(comparison, best)
    if spec.outputs:
        return []
    if spec.only("inputs", Tokens):
        return _written(comparison, best)
    return _made(comparison, best, colour)


# ---- labels


def _classification(comparison: Comparison, best: Entry) -> list[tuple[str, str]]:
    test, evaluation = _test(comparison), best.evaluations[0]
    (field,) = test.spec.outputs.values()
    assert isinstance(field, Classes)
    known = scored_rows(test)
    truth_N, share_NK = np.asarray(evaluation.truth), np.asarray(evaluation.predictions)
    said_N, sure_N = share_NK.argmax(1), share_NK.max(1)
    wrong = np.flatnonzero(said_N != truth_N)
    wrong = wrong[np.argsort(-sure_N[wrong], kind="stable")][:SHOWN]
    right = np.flatnonzero(said_N == truth_N)
    right = np.sort(right[torch.randperm(len(right), generator=generator(comparison.seeds[0], 5)).numpy()[:SHOWN]])

    def caption(i: int) -> str:
        said, true = (clipped(field.labels[codes_N[i]], LONGEST_LABEL) for codes_N in (said_N, truth_N))
        sure = f"{100 * sure_N[i]:.0f} %"
        return f"{true}, {sure} sure" if said == true else f"said {said} ({sure}), is {true}"

    found = [(f"Confusion of {best.kind}", _confusion(truth_N, said_N, field.labels))]
    missed = int((said_N != truth_N).sum())
    for heading, rows, words in (
        ("Wrong answers", wrong, f"{missed:,} of {len(truth_N):,} test rows; the surest mistakes first."),
        ("Right answers", right, f"{len(truth_N) - missed:,} of {len(truth_N):,} test rows; these are drawn at random."),
    ):
        if len(rows):
            shown = rows_shown(comparison, test, known[torch.from_numpy(rows)], [caption(i) for i in rows.tolist()])
            found.append((f"{heading} of {best.kind}", f'<p class="note">{words}</p>{shown}'))
    return found


def _confusion(truth_N: np.ndarray, said_N: np.ndarray, labels: Sequence[str]) -> str:
    counts_KK = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts_KK, (truth_N, said_N), 1)
    if len(labels) > MOST_CLASSES:
        off_KK = counts_KK - np.diag(np.diag(counts_KK))
        worst = [divmod(int(at), len(labels)) for at in np.argsort(-off_KK, axis=None, kind="stable")[:SHOWN]]
        rows = "".join(
            f"<tr><td>{escape(labels[t])}</td><td>{escape(labels[s])}</td><td class=n>{off_KK[t, s]}</td></tr>"
            for t, s in worst
            if off_KK[t, s]
        )
        head = "<tr><th scope=col>is<th scope=col>was called<th scope=col class=n>times</tr>"
        return f'<p class="note">The commonest mistakes.</p><div class="wide"><table><thead>{head}</thead>{rows}</table></div>'
    share_KK = counts_KK / np.maximum(counts_KK.sum(1, keepdims=True), 1)
    head = "".join(f"<th scope=col>{escape(label)}" for label in labels)
    body = ""
    for t, label in enumerate(labels):
        cells = "".join(
            f'<td class="{"hit" if t == s else "miss"}" style="--s:{_strength(share_KK[t, s]):.0f}%">{counts_KK[t, s] or "·"}</td>'
            for s in range(len(labels))
        )
        body += f"<tr><th scope=row>{escape(label)}{cells}</tr>"
    note = '<p class="note">Each row is what the thing is, each column what it was called; counts of test rows, first seed.</p>'
    return f'{note}<div class="wide"><table class="confusion"><thead><tr><td>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _strength(share: float) -> float:
    """Tint of a cell in per cent: few mistakes must still be seen."""
    return 100 * share**0.5 * 0.85


# ---- pictures from conditions


def _pictures(comparison: Comparison, best: Entry) -> list[tuple[str, str]]:
    (field,) = comparison.prepared.spec.outputs.values()
    evaluation = best.evaluations[0]
    if field.height < 2:
        return []
    shape = (-1, field.channels, field.height, field.width)

    def shown(pictures_NP: np.ndarray) -> str:
        pixels_NCHW = (pictures_NP[:SHOWN].clip(0, 1) * 255).round().astype(np.uint8).reshape(shape)
        return grid(pixels_NCHW.transpose(0, 2, 3, 1), [""] * len(pixels_NCHW), "picture")

    return [(f"Made by {best.kind}", shown(evaluation.predictions)), ("What was asked for", shown(evaluation.truth))]


# ---- translations


def _translated(comparison: Comparison, best: Entry) -> list[tuple[str, str]]:
    """Sources of the test part with the right answers and what was answered, drawn at random."""
    test, evaluation = _test(comparison), best.evaluations[0]
    rows = torch.randperm(len(test), generator=generator(comparison.seeds[0], 9))[:SHOWN].sort().values
    ((name, _),) = test.spec.inputs.items()
    sources = comparison.prepared.preprocessing.restore(name, texts_of(test.take(rows).inputs[name]))
    said, right = ([side[row] for row in rows.tolist()] for side in (evaluation.predictions, evaluation.truth))
    cells = [[cell for (cell,) in row] for row in zip(*(clipped_lines(side) for side in (sources, right, said)))]
    captions = ["right" if a == b else "other" for a, b in zip(said, right)]
    shown = table(["source", "reference", best.kind], cells, captions)
    signature = evaluation.extra.get("signatures", {}).get(comparison.metric)
    words = "Test rows drawn at random; the likeliest symbol at every step." + (f" {signature}." if signature else "")
    return [(f"Translated by {best.kind}", f'<p class="note">{escape(words)}</p>{shown}')]


# ---- made data


def _written(comparison: Comparison, best: Entry) -> list[tuple[str, str]]:
    if not hasattr(best.trained, "step"):
        return []
    ((name, field),) = comparison.prepared.spec.inputs.items()
    assert isinstance(field, Tokens)
    stored = _test(comparison).columns[name]
    count = SHOWN if field.lines else 3
    opening = None if field.lines else int(stored["values"][0])
    texts = write(best.trained, [[]], tokens=WRITTEN, seed=comparison.seeds[0], n=count, opening=opening, never=(0, UNKNOWN))
    lines = [[text] for text in comparison.prepared.preprocessing.restore(name, texts)]
    return [(f"Written by {best.kind}", table(["text"], lines, [str(i + 1) for i in range(len(lines))], "sample"))]


def _made(comparison: Comparison, best: Entry, colour: str) -> list[tuple[str, str]]:
    made, test = best.evaluations[0].predictions, _test(comparison)
    ((name, field),) = test.spec.inputs.items()
    if made is None:
        return []
    some = torch.randperm(len(test), generator=generator(comparison.seeds[0], 7))[: len(made)]
    if isinstance(field, Image):
        return _made_pictures(comparison)
    if not isinstance(field, Table) or len(field.numeric) < 2:
        return []
    first, second = field.numeric[:2]
    clouds = {"real": field.restore(test.take(some).inputs[name].numeric_BF.cpu()), best.kind: field.restore(made.float())}
    (xs, ys) = (padded(clouds["real"][:, k].tolist(), 0.2) for k in (0, 1))
    charts = [
        f"<figure>{scatter(points[:MOST_POINTS, :2].tolist(), first, second, f'{who} points', tint, x_range=xs, y_range=ys)}"
        f"<figcaption>{escape(who)}</figcaption></figure>"
        for (who, points), tint in zip(clouds.items(), ("#8c9196", colour))
    ]
    return [(f"Real points and those that {best.kind} made", f'<div class="pair">{"".join(charts)}</div>')]


def _given_back(comparison: Comparison) -> list[tuple[str, str]]:
    """The first test pictures, and what each entrant gave back of them, the best on validation first."""
    test = _test(comparison)
    ((name, field),) = test.spec.inputs.items()
    if not isinstance(field, Image):
        return []
    restore = comparison.prepared.preprocessing.restore
    value = test.take(torch.arange(min(MADE, len(test)), device=test.device)).inputs[name]
    found = [("What went in", grid(restore(name, value), [""] * len(value), "real picture"))]
    for entry in chosen_order([e for e in comparison.entries if e.mean is not None], comparison.higher_is_better):
        back = torch.as_tensor(entry.evaluations[0].predictions[: len(value)]).reshape(value.shape)
        found.append((f"Given back by {entry.kind}", grid(restore(name, back), [""] * len(back), "rebuilt picture")))
    return found


def _made_pictures(comparison: Comparison) -> list[tuple[str, str]]:
    """A grid for each entrant, the best on validation first, made from one seed and (where labels are asked for) of the same
    labels; and real ones."""
    test, spec = _test(comparison), comparison.prepared.spec
    given = spec.only("inputs", Classes)
    restore = comparison.prepared.preprocessing.restore
    there = chosen_order([e for e in comparison.entries if e.mean is not None], comparison.higher_is_better)
    found = []
    for entry in there:
        evaluation = entry.evaluations[0]
        made = evaluation.predictions[:MADE]
        captions = evaluation.extra.get("labels", [""] * len(made))[: len(made)]
        html = grid(restore("image", made), [clipped(caption, 14) for caption in captions], "made picture")
        found.append((f"Made by {entry.kind}", html))
    rows = torch.randperm(len(test), generator=generator(comparison.seeds[0], 7))[:MADE]
    batch = test.take(rows.to(test.device))
    real = restore("image", batch.outputs["image"] if given else batch.inputs["image"])
    return [*found, ("Real ones, of the test part", grid(real, [""] * len(real), "real picture"))]


def _test(comparison: Comparison) -> Dataset:
    test = comparison.prepared.parts.test
    assert test is not None
    return test

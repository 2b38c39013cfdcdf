"""What the data doctor says of a comparison's data: before it, and of labels after it; and its place in the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from nnzoo.core.network import Network
from nnzoo.core.task import Task
from nnzoo.data.doctor import Finding, Suspect, doubtful_labels, examine

if TYPE_CHECKING:
    from nnzoo.comparing.entries import Comparison
    from nnzoo.data.prepare import Prepared

SHOWN = 10  # doubtful labels in the report


def before(
    prepared: Prepared, judge: Task, kinds: Mapping[str, type[Network]], config: Mapping[str, Mapping[str, Any]]
) -> list[Finding]:
    """Findings on the data, and on kinds that have too few rows to learn from."""
    networks = {name: kind(kind.Config.read(config.get(name, {}), name), prepared.spec, judge) for name, kind in kinds.items()}
    return examine(prepared, networks)


def after(comparison: Comparison) -> tuple[list[Suspect], list[Finding]]:
    """Test rows whose label the best network doubts, by the mean of its answers over the seeds; and the finding on them."""
    best = comparison.best_network
    answers = [np.asarray(evaluation.predictions) for evaluation in best.evaluations] if best is not None else []
    if not answers or any(answer.dtype.kind != "f" or answer.shape != answers[0].shape for answer in answers):
        return [], []
    suspects, found = doubtful_labels(comparison.prepared, {"test": np.mean(answers, axis=0)})
    return suspects, [found] if found is not None else []


def section(comparison: Comparison) -> str:
    """Findings as a table, doubtful labels below; "" where nothing was found."""
    rows = "".join(
        f"<tr><th scope=row{' class=error' if found.severity == 'error' else ''}>{escape(found.severity)}"
        f"<td>{escape(found.where)} {escape(found.text)}<td>{escape(found.remedy)}</tr>"
        for found in comparison.findings
    )
    if not rows:
        return ""
    html = f'<div class="wide"><table><tbody>{rows}</tbody></table></div>'
    return html + (_suspects(comparison.suspects) if comparison.suspects else "")


def _suspects(suspects: Sequence[Suspect]) -> str:
    rows = "".join(
        f"<tr><td>{escape(str(s.row))}<td>{escape(s.given)} <span class=role>{s.probability_given:.2f}</span>"
        f"<td>{escape(s.predicted)} <span class=role>{s.probability:.2f}</span></tr>"
        for s in suspects[:SHOWN]
    )
    note = "Test rows whose label the best network doubts most, with the probabilities that it gives."
    head = "<thead><tr><th scope=col>row<th scope=col>label<th scope=col>the network says</tr></thead>"
    return f'<p class="note">{note}</p><div class="wide"><table>{head}<tbody>{rows}</tbody></table></div>'

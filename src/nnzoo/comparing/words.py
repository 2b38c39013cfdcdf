"""Scores, differences, sizes and lists as people write them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nnzoo.comparing.columns import SHARES

NAMES = {
    "macro_f1": "macro F1",
    "r2": "R²",
    "rmse": "RMSE",
    "mae": "MAE",
    "mse": "MSE",
    "mse_original": "MSE in original units",
    "mae_original": "MAE in original units",
    "psnr": "PSNR",
    "bleu": "BLEU",
    "chrf": "chrF",
    "frechet_distance": "Frechet distance (own classifier)",
    "gan_train": "GAN-train accuracy",
    "gan_test": "GAN-test accuracy",
    "label_kl": "KL of labels",
    "modes": "modes hit",
    "modes_kl": "KL of modes to even",
    "share_within_3_sigma": "within 3 sigma",
}  # the others are their names without underlines


def name_of(metric: str) -> str:
    """A metric's name as people write it."""
    return NAMES.get(metric, metric.replace("_", " "))


def shown(score: float | None, metric: str, unit: bool = True) -> str:
    """A score as people write it: a share in per cent, R² with three decimals, anything else with four figures."""
    if score is None:
        return "-"
    if metric in SHARES:
        return f"{100 * score:.1f}" + (" %" if unit else "")
    return f"{score:.3f}" if metric == "r2" else f"{score:.4g}"


def gap(difference: float, metric: str, unit: bool = True) -> str:
    """A difference of two scores: of shares in points."""
    if not math.isfinite(difference):
        return "no bound"
    if metric in SHARES:
        points = f"{100 * difference:.2g}" if abs(difference) < 0.1 else f"{100 * difference:.0f}"
        return points + ("" if not unit else " point" if points == "1" else " points")
    return f"{difference:.2g}"


def size_of(size: int | None) -> str:
    """Bytes in the unit that suits them."""
    if size is None:
        return "-"
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size = size / 1000  # type: ignore[assignment]
    return f"{size:.3g} GB"


def listed(kinds: Sequence[str]) -> str:
    """a, b and c."""
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"


def about(count: int) -> str:
    """A count with two figures, rounded up."""
    digit = 10 ** max(0, len(str(count)) - 2)
    return f"{-(-count // digit) * digit:,}"

"""Precision and recall: by hand on few rows, and what they say of generators whose fault is known."""

import numpy as np
import pytest
import torch

from nnzoo.comparing.judging.manifold import precision_recall
from nnzoo.core.errors import DataError


def by_hand(real, made, k):
    def inside(x, balls):
        widths = [np.sort(np.linalg.norm(balls - ball, axis=1))[k] for ball in balls]  # place 0 is the row itself
        return np.mean([any(np.linalg.norm(row - ball) <= width for ball, width in zip(balls, widths)) for row in x])

    return inside(made, real), inside(real, made)


@pytest.mark.parametrize("k", [1, 3])
def test_agrees_with_the_definition(k):
    rng = np.random.default_rng(0)
    real, made = rng.normal(size=(40, 3)), rng.normal(0.5, 1.3, size=(40, 3))
    found = precision_recall(torch.from_numpy(real), torch.from_numpy(made), k)
    assert found == pytest.approx(by_hand(real, made, k)) and 0 < found[0] < 1


def test_known_cases():
    draws = torch.Generator().manual_seed(0)
    real, again = torch.randn(600, 4, generator=draws), torch.randn(600, 4, generator=draws)
    assert precision_recall(real, real) == (1, 1)
    assert min(precision_recall(real, again)) > 0.85
    assert precision_recall(real, again + 100) == (0, 0)
    typical = 0.05 * torch.randn(600, 4, generator=draws)  # one picture over and over
    precision, recall = precision_recall(real, typical)
    assert precision > 0.95 and recall < 0.02
    wild = 6 * torch.randn(600, 4, generator=draws)
    precision, recall = precision_recall(real, wild)
    assert precision < 0.1 and recall > 0.8
    one_of_two = torch.randn(1200, 4, generator=draws)
    precision, recall = precision_recall(torch.cat([real, again + 30]), one_of_two)
    assert precision > 0.85 and 0.4 < recall <= 0.5


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="at least 4 rows"):
        precision_recall(torch.randn(3, 2), torch.randn(9, 2))

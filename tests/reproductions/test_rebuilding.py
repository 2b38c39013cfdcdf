"""What reproductions of autoencoders are held against, principal components and the area under the ROC, as scikit-learn has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from nnzoo.reproductions._rebuilding import area_under_roc, components, lost_by_components


def test_what_principal_components_lose_is_what_they_lose_in_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    x_ND = (draw.normal(size=(500, 12)) @ draw.normal(size=(12, 12)) + 3).astype(np.float32)
    pca = PCA(5).fit(x_ND[:300])
    wanted_N = np.square(x_ND[300:] - pca.inverse_transform(pca.transform(x_ND[300:]))).mean(1)
    lost_N = lost_by_components(torch.from_numpy(x_ND[300:]), *components(torch.from_numpy(x_ND[:300]), 5))
    assert np.allclose(lost_N.numpy(), wanted_N, rtol=1e-3)


def test_the_area_under_the_curve_is_that_of_scikit_learn_ties_included() -> None:
    draw = np.random.default_rng(1)
    odd_N = draw.random(400) < 0.8
    score_N = np.round(draw.normal(size=400) + odd_N, 1)
    wanted = roc_auc_score(odd_N, score_N)
    assert area_under_roc(torch.from_numpy(score_N), torch.from_numpy(odd_N)) == pytest.approx(wanted, abs=1e-9)
    assert 0.6 < wanted < 0.9

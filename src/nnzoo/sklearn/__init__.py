"""Kinds of network as scikit-learn estimators: pipelines, grid searches and cross-validation take them like any other.

    from nnzoo.sklearn import NetworkClassifier

    model = make_pipeline(NetworkClassifier("mlp", config={"hidden": (64,)}, random_state=0))
    GridSearchCV(NetworkClassifier("mlp"), {"config__lr": [1e-3, 1e-2], "epochs": [20, 60]}).fit(X, y)

A setting of the kind is written one way: in the dictionary `config`, whose entries `set_params` and grids reach as `config__NAME`.
"""

from nnzoo.sklearn.base import FitError
from nnzoo.sklearn.predictors import NetworkClassifier, NetworkRegressor
from nnzoo.sklearn.transformer import NetworkTransformer

__all__ = ["FitError", "NetworkClassifier", "NetworkRegressor", "NetworkTransformer"]

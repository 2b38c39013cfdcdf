"""nnzoo: every kind of neural network in one library.

The verbs of the command line under the same names (`nnzoo data` is `understand` here), each loaded when it is first used:

    nnzoo.train("mlp", "iris")          nnzoo.compare("digits", kinds=["mlp", "cnn"])
    model = nnzoo.load("runs/mlp-iris-1")
    model.predict(frame)                model.evaluate(frame)
    nnzoo.sklearn.NetworkClassifier("mlp")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnzoo import sklearn as sklearn
    from nnzoo.comparing.judging.judge import judge as judge
    from nnzoo.comparing.race import compare as compare
    from nnzoo.core.errors import NnzooError as NnzooError
    from nnzoo.data.fetch import fetch as fetch
    from nnzoo.data.prepare import prepare as prepare
    from nnzoo.data.reading import read as read
    from nnzoo.data.understand import understand as understand
    from nnzoo.looking.anomalies import anomalies as anomalies
    from nnzoo.reproductions import reproduce as reproduce
    from nnzoo.zoo.catalogue import kinds as kinds
    from nnzoo.zoo.fitting import train as train
    from nnzoo.zoo.huggingface.exporting import export_model as export_model
    from nnzoo.zoo.huggingface.importing import import_model as import_model
    from nnzoo.zoo.listing import runs as runs
    from nnzoo.zoo.loaded import load as load
    from nnzoo.zoo.verbs import embed as embed
    from nnzoo.zoo.verbs import evaluate as evaluate
    from nnzoo.zoo.verbs import generate as generate
    from nnzoo.zoo.verbs import predict as predict

__version__ = "0.1.0"

_WHERE = {
    "NnzooError": "nnzoo.core.errors",
    "anomalies": "nnzoo.looking.anomalies",
    "compare": "nnzoo.comparing.race",
    "embed": "nnzoo.zoo.verbs",
    "evaluate": "nnzoo.zoo.verbs",
    "export_model": "nnzoo.zoo.huggingface.exporting",
    "fetch": "nnzoo.data.fetch",
    "generate": "nnzoo.zoo.verbs",
    "import_model": "nnzoo.zoo.huggingface.importing",
    "judge": "nnzoo.comparing.judging.judge",
    "kinds": "nnzoo.zoo.catalogue",
    "load": "nnzoo.zoo.loaded",
    "predict": "nnzoo.zoo.verbs",
    "prepare": "nnzoo.data.prepare",
    "read": "nnzoo.data.reading",
    "reproduce": "nnzoo.reproductions",
    "runs": "nnzoo.zoo.listing",
    "sklearn": "nnzoo.sklearn",
    "train": "nnzoo.zoo.fitting",
    "understand": "nnzoo.data.understand",
}

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    """Import what is asked for now (PEP 562), so that `import nnzoo` costs nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module 'nnzoo' has no attribute '{name}'")
    from importlib import import_module

    module = import_module(_WHERE[name])
    value = module if module.__name__ == f"{__name__}.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

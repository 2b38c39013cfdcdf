"""MLP on Fashion-MNIST: the benchmark table of the data set's makers has 256-128-64 at 90.0 %."""

from nnzoo.reproductions.running import Reproduction, supervised

REPRODUCTIONS = (
    Reproduction(
        data="fashion-mnist",
        metric="accuracy",
        run=supervised("mlp", "fashion-mnist", {"hidden": (256, 128, 64), "dropout": 0.2, "epochs": 25}),
        target=0.895,
        better="higher",
        published="0.900 (256-128-64, 100 epochs)",
        source="zalandoresearch/fashion-mnist, README, benchmark table",
    ),
)

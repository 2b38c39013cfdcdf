"""DLinear on ETTh1: the next 96 hours of all seven series from the 336 before them, official parts.

The validation part chooses the epoch. Every window of the test part is scored; the authors leave out those that do not fill a last
batch of 32.
"""

from nnzoo.reproductions.running import Reproduction, supervised

REPRODUCTIONS = (
    Reproduction(
        data="etth1",
        metric="MSE in scaled units, 96 hours ahead",
        run=supervised("dlinear", "etth1", metric="mse"),
        target=0.385,
        better="lower",
        published="0.375 (MAE 0.399)",
        source="Zeng, Chen, Zhang & Xu, AAAI 2023, table 2",
        note="history 336, horizon 96, all 7 series, 2,785 test windows; `more` holds MAE, and both in original units",
    ),
)

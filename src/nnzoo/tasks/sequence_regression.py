"""Which numbers belong to a sequence."""

from nnzoo.core.fields import Series
from nnzoo.tasks._regression import Regression


class SequenceRegression(Regression):
    """Numbers over time in, one or several numbers for the whole out."""

    inputs = (Series,)
    what = "sequences"

"""Which label belongs to a sequence."""

from nnzoo.core.fields import Series
from nnzoo.tasks._classification import Classification


class SequenceClassification(Classification):
    """Numbers over time in, one of several labels for the whole out."""

    inputs = (Series,)
    what = "sequences"

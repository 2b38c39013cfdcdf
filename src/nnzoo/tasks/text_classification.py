"""Which label belongs to a text."""

from nnzoo.core.fields import Tokens
from nnzoo.tasks._classification import Classification


class TextClassification(Classification):
    """A sequence of symbols in, one of several labels out."""

    inputs = (Tokens,)
    what = "texts"

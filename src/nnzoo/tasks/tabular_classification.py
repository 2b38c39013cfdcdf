"""Which label belongs to a row of a table."""

from nnzoo.core.fields import Table
from nnzoo.tasks._classification import Classification


class TabularClassification(Classification):
    """A table row in, one of several labels out."""

    inputs = (Table,)
    what = "a table"

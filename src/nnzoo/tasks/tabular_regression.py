"""Which numbers belong to a row of a table."""

from nnzoo.core.fields import Table
from nnzoo.tasks._regression import Regression


class TabularRegression(Regression):
    """A table row in, one or several numbers out."""

    inputs = (Table,)
    what = "a table"

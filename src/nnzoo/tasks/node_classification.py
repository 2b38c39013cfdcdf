"""Which label belongs to a node of a graph."""

from nnzoo.core.fields import Graph
from nnzoo.tasks._classification import Classification


class NodeClassification(Classification):
    """A node of one graph in (with the whole graph around it), one of several labels out."""

    inputs = (Graph,)
    what = "a graph"

"""nnzoo: every kind of neural network in one library."""

__version__ = "0.1.0"

"""Weights from Hugging Face's folders and back: a table of tensor names for each family, read in both directions."""

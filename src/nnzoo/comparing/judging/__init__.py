"""Scores of generators that need a judge of their own: a classifier trained on the same data, or the truth of made points."""

"""Kinds whose every position looks at the others."""

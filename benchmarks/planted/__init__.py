"""Faults planted by code in data that are clean otherwise, and clean data, for the doctor to look at."""

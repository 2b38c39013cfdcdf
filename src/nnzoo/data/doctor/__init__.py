"""The data doctor: what is wrong with a data set, and what to do about it.

`examine` looks at prepared data before anything is learned; `doubtful_labels` at a trained network's answers; `obstacles` at data
that cannot be prepared at all; `dropping` finds copies to drop. One file a family of findings.
"""

from __future__ import annotations

from nnzoo.data.doctor.examine import dropping, examine
from nnzoo.data.doctor.finding import Finding
from nnzoo.data.doctor.noise import Suspect

__all__ = ["Finding", "Suspect", "dropping", "examine"]

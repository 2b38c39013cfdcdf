"""The data doctor: what is wrong with a data set, and what to do about it.

`examine` looks at prepared data before anything is learned, `doubtful_labels` at a trained network's answers; `dropping` finds
copies to drop, `announce` tells findings to listeners. One file a family of findings.
"""

from __future__ import annotations

from nnzoo.data.doctor.examine import announce, dropping, examine
from nnzoo.data.doctor.finding import Finding
from nnzoo.data.doctor.noise import Suspect, doubtful_labels

__all__ = ["Finding", "Suspect", "announce", "doubtful_labels", "dropping", "examine"]

"""Memory freed between steps is not asked for anew."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nnzoo.training.allocation import keep_freed_memory

FAULTS = """
import ctypes, resource, sys, torch
from nnzoo.training.allocation import keep_freed_memory
torch.set_num_threads(1)
ctypes.CDLL(None).mallopt(-3, 128 << 10)  # the threshold that glibc starts with
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def step():
    return [torch.ones(1 << 20) for _ in range(4)]  # 4 MB each
for _ in range(5):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not keep_freed_memory(), reason="the C library has no mallopt")
def test_a_step_causes_no_page_faults_once_memory_is_kept():
    faults = {
        how: int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True).stdout)
        for how in ("usual", "kept")
    }
    assert faults["kept"] < 1_000 < faults["usual"]

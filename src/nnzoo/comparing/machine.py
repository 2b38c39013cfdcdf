"""What a race ran on: for the report, so that figures of time can be judged."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np
import sklearn
import torch

import nnzoo
from nnzoo.training.devices import device_of


def machine(device: str = "auto") -> dict[str, Any]:
    """Processor, threads, load, device and versions."""
    chosen = device_of(device)
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "device": torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else chosen.type,
        "python": platform.python_version(),
        "nnzoo": nnzoo.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    except OSError:
        return platform.processor()

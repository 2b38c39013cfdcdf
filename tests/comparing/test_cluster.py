"""A Ray cluster: the same scores as here; without Ray, or without a cluster at the address, one sentence."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from entrants import Exploder, Guesser, Killed, Linear, flowers

from nnzoo.comparing.race import compare
from nnzoo.comparing.running import Finished, Racing
from nnzoo.core.errors import ConfigError

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (nnzoo[cluster])")


@pytest.fixture(scope="module")
def cluster():
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)  # tasks find the tests' own kinds there
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.mark.slow
@needs_ray
def test_a_race_on_a_cluster_has_the_scores_of_one_here(cluster):
    events = []
    kinds = [Linear, Guesser, Exploder, "mlp"]
    here = compare(flowers(), target="flower", kinds=kinds, budget="40steps", seeds=2, tune=2)
    there = compare(
        flowers(),
        target="flower",
        kinds=[*kinds, Killed],
        config={"killed": {"alive": os.getpid()}},
        budget="40steps",
        seeds=2,
        tune=2,
        workers="ray://local",
        listen=(events.append,),
    )
    for entry in here.entries:
        other = there.entry(entry.kind)
        assert (entry.scores, entry.validation, entry.tuned, entry.error) == (
            other.scores,
            other.validation,
            other.tuned,
            other.error,
        )
        assert entry.error or other.latency_ms_1 > 0
    assert there.machine["workers"] == 2 and there.machine["threads"] == 1
    assert there.entry("killed").error.startswith("the task that ran killed failed on the cluster")
    assert len([e for e in events if isinstance(e, Racing)]) == len([e for e in events if isinstance(e, Finished)])
    assert cluster.is_initialized()  # a cluster that was there before stays


def test_without_ray_one_sentence_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'nnzoo\[cluster\]'"):
        compare(flowers(), target="flower", kinds=[Linear], workers="ray://local")

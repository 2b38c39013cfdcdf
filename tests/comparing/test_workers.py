"""Several processes: the same scores to the bit, in any order; a dead worker costs its run, and none outlives the race."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from entrants import Exploder, Guesser, Killed, Linear, Searched, flowers

from nnzoo.comparing.budget import per_run, rounds, seconds_of
from nnzoo.comparing.race import compare
from nnzoo.comparing.running import Finished, Racing, Told
from nnzoo.comparing.workers import Processes, cores, runner_for
from nnzoo.core.errors import ConfigError, Interrupted
from nnzoo.core.events import StageEnded, StageStarted, Validated

OWN = """
    from entrants import CARD, Linear as Example
    from torch import nn

    from nnzoo.core.abilities import Predicts
    from nnzoo.core.network import Can, Network, NetworkConfig


    class Config(NetworkConfig):
        lr: float = 0.05


    class Own(Network):
        Config = Config
        card = CARD
        can = Example.can
        __init__ = lambda self, *given: (Network.__init__(self, *given), self.make())[0]

        def make(self):
            ((self.name, field),), ((self.output, labels),) = self.spec.inputs.items(), self.spec.outputs.items()
            self.layer = nn.Linear(len(field.numeric), labels.size)

        forward = Example.forward
        stages = Example.stages
"""


def race(workers, **options):
    events = []
    given = {"kinds": [Linear, Guesser], "budget": "40steps", "seeds": 2, "listen": (events.append,), **options}
    return compare(flowers(), target="flower", workers=workers, **given), events


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    path = tmp_path_factory.mktemp("kinds") / "own.py"
    path.write_text(textwrap.dedent(OWN))
    return str(path)


@pytest.fixture(scope="module")
def both(own):
    kinds = [Searched, Guesser, Exploder, own, "pnn"]
    return race(1, kinds=kinds, tune=5), race("2", kinds=kinds, tune=5)


def test_scores_are_the_same_to_the_bit(both):
    (one, _), (two, _) = both
    assert [e.kind for e in one.entries] == [e.kind for e in two.entries] and len(one.entries) == 8
    for entry in one.entries:
        other = two.entry(entry.kind)
        assert entry.scores == other.scores and entry.validation == other.validation and entry.error == other.error
        assert (entry.low, entry.high, entry.parameters, entry.bytes) == (other.low, other.high, other.parameters, other.bytes)
        assert (entry.fits, entry.stopped) == (other.fits, other.stopped)
        for mine, theirs in zip(entry.evaluations, other.evaluations):
            assert (mine.predictions == theirs.predictions).all()
    assert one.verdict == two.verdict


def test_trials_are_the_same_too(both):
    (one, _), (two, _) = both
    said = [[(t.settings, t.score, t.pruned, t.error) for t in c.entry("searched").trials] for c in (one, two)]
    assert said[0] == said[1] and len(said[0]) == 5
    assert one.entry("searched").tuned == two.entry("searched").tuned


def test_the_networks_that_come_back_are_the_same(both):
    (one, _), (two, _) = both
    for kind in ("searched", "own", "pnn"):
        mine, theirs = (c.entry(kind).trained.state_dict() for c in (one, two))
        assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_events_come_back_with_the_run_they_belong_to(both):
    _, events = both[1]
    told = [e for e in events if isinstance(e, Told)]
    assert {StageStarted, Validated, StageEnded} <= {type(e.event) for e in told}
    assert {e.worker for e in told} == {0, 1} and {"searched", "own"} <= {e.kind for e in told}
    assert {(e.kind, e.seed) for e in told if e.kind == "own" and e.trial is None} == {("own", 0), ("own", 1)}
    starts, ends = ([e for e in events if isinstance(e, sort)] for sort in (Racing, Finished))
    serial = [e for e in both[0][1] if isinstance(e, Racing)]
    runs = [sorted((e.kind, e.seed, -1 if e.trial is None else e.trial) for e in side) for side in (starts, ends, serial)]
    assert runs[0] == runs[1]
    assert set(runs[2]) <= set(runs[0])  # a second seed may have begun before the first failed
    assert sum(e.score is not None for e in ends) == sum(e.score is not None for e in both[0][1] if isinstance(e, Finished))


def test_the_document_says_how_many_and_with_how_many_threads(both):
    assert both[0][0].machine["workers"] == 1 and both[1][0].machine["workers"] == 2
    assert both[1][0].machine["threads"] == max(1, min(torch.get_num_threads(), cores() // 2))
    assert "--workers 2" in both[1][0].command and "--workers" not in both[0][0].command


def test_threads_are_each_workers_part_of_the_cores(monkeypatch):
    monkeypatch.setattr("nnzoo.comparing.workers.cores", lambda: 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    assert [Processes(n).threads for n in (1, 2, 3, 9)] == [6, 4, 2, 1]


def test_latencies_are_measured_when_the_workers_are_gone(monkeypatch):
    alive = []

    def latencies(entrant, test):
        alive.append(multiprocessing.active_children())
        return 1.0, 2.0

    monkeypatch.setattr("nnzoo.comparing.running.latencies", latencies)
    found, _ = race(2)
    assert alive == [[]] * 5 and all(e.latency_ms_1 == 1.0 for e in found.entries)


def test_a_killed_worker_costs_its_run_and_the_race_goes_on():
    found, _ = race(2, kinds=[Killed, Linear, Guesser], config={"killed": {"alive": os.getpid()}})
    lost = found.entry("killed")
    assert lost.error.startswith("the worker process that ran killed was ended by SIGKILL") and lost.scores == []
    assert [e.kind for e in found.entries if e.error] == ["killed"] and len(found.entries) == 6
    assert len(found.entry("linear").scores) == 2 and multiprocessing.active_children() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_race_and_every_worker(number, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    children = []

    def interrupt(event):
        if isinstance(event, Told) and not children:
            children.extend(child.pid for child in multiprocessing.active_children())
            assert list(tmp_path.iterdir())
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=f"stopped by {number.name}"):
        race(2, per_run="600s", listen=(interrupt,))
    assert len(children) == 2 and not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert signal.getsignal(number) is before and not list(tmp_path.iterdir())


def test_an_error_of_a_listener_leaves_no_worker_either():
    def fail(event):
        if isinstance(event, Told):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        race(2, per_run="600s", listen=(fail,))
    assert multiprocessing.active_children() == []


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waiting for another's process needs pidfd_open")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "long.py"
    script.write_text(
        textwrap.dedent(f"""
        import multiprocessing, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from entrants import Guesser, Linear, flowers
        from nnzoo.comparing.race import compare
        from nnzoo.comparing.running import Told

        def say(event):
            if isinstance(event, Told):
                print(*(child.pid for child in multiprocessing.active_children()), flush=True)

        if __name__ == "__main__":
            compare(flowers(), target="flower", kinds=[Linear, Guesser], per_run="600s", workers=2, listen=(say,))
        """)
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        handles = [os.pidfd_open(int(pid)) for pid in parent.stdout.readline().split()]
        parent.kill()
        for handle in handles:
            assert select.select([handle], [], [], 20)[0], "a worker outlives its parent"
            os.close(handle)
    assert handles


@pytest.mark.parametrize("workers", [0, -1, "two", "2.5", "http://host"])
def test_what_is_no_number_of_workers_is_refused(workers):
    with pytest.raises(ConfigError, match="give a number of processes, ray://local or ray://HOST:PORT"):
        runner_for(workers)


def test_time_is_shared_over_what_stands_one_after_another():
    assert rounds(3, 4) == 12 and rounds(3, 4, tune=5) == 27
    assert rounds(3, 4, workers=2) == 6 and rounds(1, 3, workers=2) == 2
    assert rounds(1, 3, tune=5, workers=4) == 5 + 1  # one kind's trials wait for one another
    assert rounds(4, 3, tune=5, workers=2) == 10 + 6
    assert seconds_of(per_run("60s", None, rounds(3, 4, 5, 1))) == pytest.approx(60 * 0.85 / 27, abs=1e-3)

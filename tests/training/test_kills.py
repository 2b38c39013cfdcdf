"""A process killed at any moment goes on to the same bits; a checkpoint that forgets something is found out. The long form is
`python tests/training/kill_harness.py --kills 100 --calls`, or `pytest -m slow`."""

import random
from collections import Counter

import kill_harness as harness
import pytest

KINDS = ("mlp", "cnn", "rbm", "wgan_gp", "dcgan", "gmdh", "pnn")


@pytest.fixture(scope="module", autouse=True)
def loaded():
    """Children are forks of this process."""
    harness.ready()


@pytest.mark.parametrize("name", [*KINDS, "toy staged", "toy reader"])
def test_killed_at_random_moments_and_resumed_a_run_ends_in_the_same_bits(name):
    done = harness.random_kills(name, harness.uninterrupted(name), random.Random(name), most=3)
    assert done["differences"] == []


def test_kills_do_hit():
    whole, draw, hits = harness.uninterrupted("toy smooth"), random.Random(3), Counter()
    for _ in range(20):
        done = harness.random_kills("toy smooth", whole, draw, most=2)
        assert done["differences"] == []
        hits.update(done["hits"])
        if sum(hits.values()) >= 4:
            return
    raise AssertionError(f"in forty tries only {hits} hit")


def test_killed_at_any_system_call_of_a_save_a_run_ends_in_the_same_bits():
    tried = dict(harness.kills_at_calls("toy short", harness.uninterrupted("toy short"), save=4))
    assert {where: found for where, found in tried.items() if found} == {}
    assert len(tried) >= 16 and sum(where.startswith("half") for where in tried) >= 1


def test_killed_by_the_kernel_at_its_entry_into_a_system_call():
    if reason := harness.why_no_strace():
        pytest.skip(reason)
    whole = harness.uninterrupted("toy short")
    for call in ("openat", "write", "fsync", "rename"):
        assert harness.kill_by_strace("toy short", whole, call, when=1, save=4) == [], call


@pytest.mark.parametrize(
    ("fault", "name", "save", "shows"),
    [
        ("feed position", "toy smooth", 12, "weights"),
        ("feed position", "toy chains", 9, "weights"),
        ("optimiser", "toy players", 8, "weights"),
        ("averaged weights", "toy smooth", 12, "weights"),
        ("best weights", "toy reader", 13, "weights"),
        ("memory", "toy chains", 9, "weights"),
        ("memory", "toy reader", 6, "history"),
        ("patience", "toy reader", 12, "counters"),
        ("step", "toy smooth", 12, "weights"),
        ("running loss", "toy long", 5, "history"),
        ("metrics", "toy players", 9, "history"),
    ],
)
def test_a_checkpoint_that_forgets_something_is_found_out(fault, name, save, shows):
    assert any(text.startswith(shows) for text in harness.planted(name, fault, save))


def test_without_a_fault_the_same_kill_shows_nothing():
    for name, save in (("toy smooth", 12), ("toy players", 8), ("toy chains", 9), ("toy reader", 6)):
        assert harness.planted(name, "none", save) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_hundred_kills(name):
    summary = harness.case_summary(name, kills=100, calls=True, save=3, draw=random.Random(name))
    assert summary["differences"] == [] and summary["kills"] > 100

"""Tuning: as many trials for each kind, on validation data only, repeatable; a bad default is found out, bad trials end early."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from entrants import Exploder, Guesser, Linear, Searched, flowers

from nnzoo.comparing.candidate import TENTHS, Given, GivenUp, Looks, Result, run_candidate
from nnzoo.comparing.race import compare
from nnzoo.comparing.running import Finished, Race, Racing
from nnzoo.comparing.tuning import FEWEST, SPARED, Study, trial_seed
from nnzoo.core.errors import ConfigError
from nnzoo.core.events import StageEnded, StageStarted, Validated
from nnzoo.core.network import NetworkConfig
from nnzoo.core.search import Choice, Integers, LogIntegers, Uniform
from nnzoo.data.prepare import prepare
from nnzoo.training.settings import Settings

TRIALS = 10


def race(**options):
    events = []
    given = {"kinds": [Searched], "budget": "40steps", "seeds": 2, "tune": TRIALS, "listen": (events.append,), **options}
    return compare(flowers(), target="flower", **given), events


@pytest.fixture(scope="module")
def tuned():
    return race()


def test_tuning_finds_a_learning_rate_where_the_default_is_hopeless(tuned):
    entry = tuned[0].entry("searched")
    assert entry.trials[0].settings == {"lr": 1e-7} and entry.trials[0].score < 0.7
    assert 1e-5 <= entry.tuned["lr"] <= 1.0 and entry.mean > 0.85
    assert entry.trained.config.lr == entry.tuned["lr"]
    best = max((t for t in entry.trials if t.score is not None), key=lambda t: t.score)
    assert entry.tuned == best.settings


def test_every_trial_counts_and_hopeless_ones_end_early(tuned):
    comparison, events = tuned
    trials = comparison.entry("searched").trials
    assert [t.number for t in trials] == list(range(TRIALS))
    pruned = [t.number for t in trials if t.pruned]
    assert pruned and all((trials[n].score is None) for n in pruned) and min(pruned) >= FEWEST
    told = [e for e in events if isinstance(e, Finished) and e.trial is not None]
    assert [e.trial for e in told if e.pruned] == pruned and len(told) == TRIALS
    ended = [e for e in events if isinstance(e, StageEnded)]
    assert len(ended) == TRIALS - len(pruned) + 2  # two seeds; what is given up ends no stage


def test_progress_counts_the_trials(tuned):
    starts = [e for e in tuned[1] if isinstance(e, Racing)]
    assert [e.trial for e in starts] == [*range(TRIALS), None, None, None, None, None]
    assert {e.trials for e in starts[:TRIALS]} == {TRIALS} and {e.total for e in starts} == {TRIALS + 2 + 3}
    assert [e.index for e in starts] == list(range(TRIALS + 5))


def test_trials_are_in_the_document(tuned):
    document = json.loads(json.dumps(tuned[0].entry("searched").to_json(), allow_nan=False))
    assert document["tuned"].keys() == {"lr"} and len(document["trials"]) == TRIALS
    assert {"number", "settings", "score", "pruned", "seconds"} == set(document["trials"][0])
    assert "trials" not in tuned[0].entry("majority").to_json()
    assert "--tune 10" in tuned[0].command


def test_the_same_seed_gives_the_same_trials_and_another_seed_others(tuned):
    again, other = race()[0].entry("searched"), race(seed=9)[0].entry("searched")
    first = tuned[0].entry("searched")
    said = [[(t.settings, t.score, t.pruned) for t in entry.trials] for entry in (first, again, other)]
    assert said[0] == said[1] != said[2]
    assert first.tuned == again.tuned and first.scores == again.scores


class Poisoned:
    """A test part that nobody may look at."""

    def __getattr__(self, name):
        raise AssertionError(f"the test part was asked for {name}")

    def __len__(self):
        raise AssertionError("the test part was counted")


def test_tuning_never_touches_the_test_part():
    prepared = prepare(flowers(), targets=("flower",))
    parts = replace(prepared.parts, test=Poisoned())
    given = Given(prepared.spec, prepared.task, parts, parts)
    plan = Race(given, {"searched": Searched}, {}, Settings(budget="40steps"), [0], tune=3)
    seen = []
    while (request := plan.next()).trial is not None:
        plan.take(request, run_candidate(given, request, seen.append))
    assert len(plan.kinds["searched"].study.trials) == 3 and any(isinstance(e, Validated) for e in seen)
    with pytest.raises(AssertionError, match="the test part"):
        run_candidate(given, request, seen.append)


def test_trials_have_a_seed_of_their_own(tuned):
    seeds = {e.seed for e in tuned[1] if isinstance(e, Racing) and e.trial is not None}
    assert seeds == {trial_seed(0)} and not seeds & {0, 1} and trial_seed(0) != trial_seed(1)


def test_each_kind_gets_the_same_number_and_a_kind_without_a_space_keeps_its_settings():
    comparison, events = race(kinds=[Searched, Guesser], tune=2, seeds=1)
    assert len(comparison.entry("searched").trials) == 2
    guesser = comparison.entry("guesser")
    assert guesser.trials == [] and guesser.tuned == {} and "nothing to tune" in guesser.note
    assert {e.total for e in events if isinstance(e, Racing)} == {2 + 2 + 3}


def test_a_setting_that_was_given_is_never_searched_over():
    entry = race(config={"searched": {"lr": "0.02"}}, tune=2, seeds=1)[0].entry("searched")
    assert entry.trials == [] and entry.trained.config.lr == 0.02


def test_time_is_shared_over_trials_and_seeds():
    comparison, _ = race(kinds=[Guesser, Searched], budget="1s", seeds=1, tune=3)
    assert float(comparison.per_run[:-1]) == pytest.approx(1 * 0.85 / (2 * (3 + 1)), abs=1e-3)


def study(trials=6, fixed={}, higher=True, seed=0, space=None):
    class Config(NetworkConfig):
        rate: float = 0.3
        units: int = 8
        shape: tuple[int, ...] = (4,)

    Config.search = space or {"rate": Uniform(0, 1), "units": LogIntegers(4, 64), "shape": Choice(((4,), (8, 8)))}
    return Study("own", Config, fixed, trials, seed, higher)


def scored(score, looks=()):
    return Result(validation=[score], looks=looks)


def test_the_first_trial_is_the_settings_as_they_are_and_others_lie_in_the_space():
    search = study(fixed={"rate": 0.9})
    assert search.propose() == {"units": 8, "shape": (4,)}
    search.take({"units": 8, "shape": (4,)}, scored(0.5))
    while not search.over:
        settings = search.propose()
        assert settings.keys() == {"units", "shape"} and 4 <= settings["units"] <= 64 and settings["shape"] in ((4,), (8, 8))
        search.take(settings, scored(0.1))
    assert len(search.trials) == 6 and search.tuned == {"units": 8, "shape": (4,)}


@pytest.mark.parametrize("higher", [True, False])
def test_the_best_is_by_the_metric_and_of_equals_the_first(higher):
    search = study(trials=4, higher=higher)
    proposed = []
    for score in (0.2, 0.8, 0.8, 0.2):
        proposed.append(search.propose())
        search.take(proposed[-1], scored(score))
    assert search.tuned == (proposed[1] if higher else proposed[0])


def test_the_search_follows_what_was_found():
    near = {}
    for higher in (True, False):
        search = study(trials=40, higher=higher, space={"rate": Uniform(0, 1)})
        while not search.over:
            settings = search.propose()
            search.take(settings, scored(settings["rate"]))
        late = [t.settings["rate"] for t in search.trials[20:]]
        near[higher] = sum(late) / len(late)
    assert near[True] > 0.7 and near[False] < 0.3


def test_failed_and_hopeless_trials_count_and_never_win():
    search = study(trials=3)
    search.take(search.propose(), Result("it failed"))
    search.take(search.propose(), Result(pruned=True, looks=(0.3, math.inf)))
    search.take(last := search.propose(), scored(0.1))
    assert search.over and [t.score for t in search.trials] == [None, None, 0.1] and search.tuned == last
    assert search.trials[0].error == "it failed" and search.trials[1].pruned


def test_where_no_trial_came_through_the_settings_stay():
    search = study(trials=1)
    search.take(search.propose(), Result("it failed"))
    assert search.tuned == {"rate": 0.3, "units": 8, "shape": (4,)}
    entry = race(kinds=[Exploder, Linear], tune=2, seeds=1)[0].entry("exploder")
    assert "not finite" in entry.error


def test_a_default_outside_of_its_range_is_tried_all_the_same():
    search = study(trials=2, space={"rate": Uniform(0.5, 1), "units": Integers(1, 9)})
    assert search.propose() == {"rate": 0.3, "units": 8}
    search.take({"rate": 0.3, "units": 8}, scored(0.9))
    assert 0.5 <= search.propose()["rate"] <= 1


def test_the_ceiling_is_the_median_of_finished_trials_and_spares_the_beginning_and_the_end():
    search = study(trials=9)
    assert search.ceilings() == (math.inf,) * TENTHS
    for k in range(FEWEST):
        looks = tuple(1.0 - 0.1 * t + k for t in range(TENTHS if k else 5))  # one stopped early
        search.take(search.propose(), scored(0.5, looks))
    search.take(search.propose(), Result(pruned=True, looks=(0.0,) * 4))  # what was given up sets no mark
    ceilings = search.ceilings()
    assert ceilings[:SPARED] == (math.inf,) * SPARED and ceilings[-1] == math.inf
    assert ceilings[SPARED] == pytest.approx(1 - 0.1 * SPARED + 1.5)
    assert ceilings[8] == pytest.approx((0.2 + 1 + 0.2 + 2) / 2)


def look(step, valid, stage=1, steps=100):
    return Validated(stage, step, steps, 0, None, valid, True, 0.0)


def test_looks_keep_the_best_loss_by_tenths_of_the_last_stage():
    looks = Looks((math.inf,) * TENTHS)
    looks(StageStarted(0, "codec", 2, 100, 10, "b"))
    looks(look(50, 0.001, stage=0))
    looks(StageStarted(1, "learn", 2, 200, 10, "b"))
    for step, valid in ((10, 5.0), (20, 7.0), (60, 3.0), (70, float("nan")), (80, None), (90, 4.0)):
        looks(look(step, valid, steps=200))
    assert looks.best == (5.0, 3.0, 3.0, 3.0)


def test_tenths_are_of_the_length_as_it_is_planned_now():
    looks = Looks((math.inf,) * TENTHS)
    looks(StageStarted(0, "learn", 1, 10, 10, "1s"))  # a step was quicker than it had been timed: the plan grows
    for step, steps in ((5, 10), (12, 24), (18, 24), (24, 24)):
        looks(look(step, 1.0, stage=0, steps=steps))
    assert len(looks.best) == TENTHS


def test_a_trial_is_given_up_where_its_best_is_above_the_ceiling():
    looks = Looks((math.inf, 1.0, math.inf, 0.5, *[math.inf] * 6))
    looks(StageStarted(0, "learn", 1, 100, 10, "b"))
    looks(look(10, 9.0, 0))
    looks(look(20, 1.0, 0))  # equal is not worse
    looks(look(30, 2.0, 0))
    with pytest.raises(GivenUp):
        looks(look(40, 0.6, 0))
    assert len(looks.best) == 4


@pytest.mark.parametrize(("options", "words"), [({"tune": -1}, "number of trials"), ({"valid": "none"}, "validation part")])
def test_what_cannot_be_tuned_is_said_before_any_time_is_spent(options, words, monkeypatch):
    if options.pop("valid", None):
        monkeypatch.setattr("nnzoo.data.splits.VALID", 0.0)
    with pytest.raises(ConfigError, match=words):
        race(**options, listen=(pytest.fail,))


def test_without_optuna_one_sentence_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'nnzoo\[tune\]'"):
        race()

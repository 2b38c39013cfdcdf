"""Tuning before the race: every kind gets the same number of trials of its own search space, judged on validation data only.

The first trial has the settings that a person gave and else the defaults; those after it are proposed by the tree-structured
Parzen estimator (Bergstra et al. 2011) as Optuna has it, from a seed. A trial whose best validation loss is above the median of
the finished trials at the same tenth of its length is given up; it counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median
from typing import Any

from nnzoo.comparing.candidate import TENTHS, Result
from nnzoo.comparing.entries import Trial
from nnzoo.core.errors import ConfigError
from nnzoo.core.network import NetworkConfig
from nnzoo.core.search import Choice, Integers, LogIntegers, LogUniform, Range
from nnzoo.core.seeds import mix

SPARED = 3  # tenths of its length that every trial may learn for: early losses say little
FEWEST = 4  # finished trials before any is given up
AT_RANDOM = 10  # trials at most before proposals follow from what was found; a third where there are fewer than 30
TUNING = 0x7E5  # sets the seed of trials apart from those of the race


def trial_seed(seed: int) -> int:
    """The seed of all trials, from the race's: the same for every setting, and none of the race's own."""
    return mix(seed, TUNING) >> 32


class Study:
    """The search for one kind's settings: `propose` and `take` in turn, `trials` times, then `tuned` has the best.

    `fixed` are a person's settings, which are not searched over. Raises ConfigError where Optuna is missing.
    """

    def __init__(self, kind: str, config: type[NetworkConfig], fixed: Mapping[str, Any], trials: int, seed: int, higher: bool):
        self.kind, self.fixed, self.higher = kind, dict(fixed), higher
        self.space: dict[str, Range] = {name: found for name, found in config.search.items() if name not in fixed}
        first = config.read(fixed, kind)
        self.first = {name: getattr(first, name) for name in self.space}
        self.length = trials if self.space else 0
        self.trials: list[Trial] = []
        self.looks: list[tuple[float, ...]] = []  # of the trials that were finished
        optuna = _optuna()
        sampler = optuna.samplers.TPESampler(seed=trial_seed(seed) % 2**32, n_startup_trials=min(AT_RANDOM, max(3, trials // 3)))
        self.study = optuna.create_study(sampler=sampler)  # minimises
        self.asked: Any = None

    @property
    def over(self) -> bool:
        """Whether all trials have been taken."""
        return len(self.trials) >= self.length

    def propose(self) -> dict[str, Any]:
        """The settings of the next trial, by name."""
        if not self.trials:
            return dict(self.first)
        self.asked = self.study.ask({name: _distribution(found) for name, found in self.space.items()})
        return {name: _value(found, self.asked.params[name]) for name, found in self.space.items()}

    def ceilings(self) -> tuple[float, ...]:
        """The validation loss that the next trial must not exceed at each tenth of its length."""
        if len(self.looks) < FEWEST:
            return (math.inf,) * TENTHS
        return tuple(
            median(looks[tenth] for looks in self.looks) if SPARED <= tenth < TENTHS - 1 else math.inf for tenth in range(TENTHS)
        )

    def take(self, settings: Mapping[str, Any], result: Result) -> None:
        """What came of the trial that was proposed last."""
        score = result.validation[0] if result.validation else None
        self.trials.append(Trial(len(self.trials), dict(settings), score, result.pruned, result.seconds, result.error))
        if score is not None and result.looks:  # one that stopped early keeps its best loss to the end
            self.looks.append(result.looks + result.looks[-1:] * (TENTHS - len(result.looks)))
        optuna = _optuna()
        cost = None if score is None else -score if self.higher else score
        if self.asked is None:
            known = {name: found for name, found in self.space.items() if found.holds(settings[name])}
            if cost is not None:  # a default outside of its range tells the search nothing of it
                params = {
                    name: str(settings[name]) if isinstance(found, Choice) else settings[name] for name, found in known.items()
                }
                distributions = {name: _distribution(found) for name, found in known.items()}
                self.study.add_trial(optuna.trial.create_trial(value=cost, params=params, distributions=distributions))
            return
        for tenth, loss in enumerate(result.looks):
            self.asked.report(loss, tenth)
        states = optuna.trial.TrialState
        state = states.COMPLETE if cost is not None else states.PRUNED if result.pruned else states.FAIL
        self.study.tell(self.asked, cost, state=state)

    @property
    def tuned(self) -> dict[str, Any]:
        """The settings with the best validation score, of equals the first; the first of all where no trial came through."""
        scored = [trial for trial in self.trials if trial.score is not None]
        if not scored:
            return dict(self.first)
        sign = 1 if self.higher else -1
        return dict(max(scored, key=lambda trial: sign * (trial.score or 0.0)).settings)


def _distribution(found: Range) -> Any:
    """A range in Optuna's terms."""
    distributions = _optuna().distributions
    if isinstance(found, Choice):
        return distributions.CategoricalDistribution([_option(option) for option in found.options])
    log = isinstance(found, (LogUniform, LogIntegers))
    if isinstance(found, (Integers, LogIntegers)):
        return distributions.IntDistribution(found.low, found.high, log=log)
    return distributions.FloatDistribution(found.low, found.high, log=log)


def _option(value: Any) -> str:
    """One of several values as Optuna keeps it, which knows no lists."""
    return repr(value)


def _value(found: Range, drawn: Any) -> Any:
    """What Optuna drew, as a setting."""
    return {_option(option): option for option in found.options}[drawn] if isinstance(found, Choice) else drawn


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ConfigError("tuning needs optuna; install it with: pip install 'nnzoo[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna

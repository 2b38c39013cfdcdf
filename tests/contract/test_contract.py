"""What every kind promises, checked for every kind by its file existing: nobody lists kinds here."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from catalogue import DATA, ELSEWHERE, KINDS, LEARNED, SMALL, STEPS, TRACED, accepted, config_of, data
from torch import Tensor

from nnzoo.blocks.probe import Probe
from nnzoo.core.abilities import FromNoise
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import Unsuitable
from nnzoo.core.events import Event, Saved
from nnzoo.core.learning import Descend
from nnzoo.core.network import Network, No
from nnzoo.data.prepare import Prepared
from nnzoo.networks import find
from nnzoo.training.loop import Outcome, train
from nnzoo.training.settings import Settings
from nnzoo.training.state import copy_of
from nnzoo.zoo.fitting import build
from nnzoo.zoo.runs import load_run, save_run

PAIRS = [(kind, name) for kind in KINDS for name in accepted(kind)]
per_kind = pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.xdist_group(k)) for k in KINDS])
per_pair = pytest.mark.parametrize(
    ("kind", "name"), [pytest.param(k, n, marks=pytest.mark.xdist_group(k), id=f"{k}-{n}") for k, n in PAIRS]
)


def learn(kind: str, prepared: Prepared, parts: Parts | None = None, seed: int = 0, **more: Any) -> Outcome:
    """Train at the kind's defaults, or for so many steps where `budget` says."""
    folder, listen, resume = more.pop("folder", None), more.pop("listen", ()), more.pop("resume", False)
    settings = Settings(seed=seed, device="cpu", **more)
    return train(build(kind, config_of(kind, prepared), prepared, seed), parts or prepared.parts, settings, folder, listen, resume)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether all tensors are equal bit by bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@cache
def learned(kind: str, name: str) -> Network:
    """A network of that kind, trained for long enough to have learned something."""
    return learn(kind, data(name), budget=_budget(kind, name)).network


def _budget(kind: str, name: str) -> str | None:
    """Enough steps to learn these small data: the kind's own length, bounded for the sake of time."""
    prepared = data(name)
    network = build(kind, config_of(kind, prepared), prepared, 0)
    stages = network.stages(prepared.task)
    if not any(isinstance(m, Descend) or m.sees == "batch" for stage in stages for m in stage.moves):
        return None
    staged = len(stages) > 1 or any(len(s.moves) > 1 or not isinstance(s.moves[0], Descend) for s in stages)
    epochs = 60 * -(-len(prepared.parts.train) // 32)
    usual = STEPS.get(kind, 3000 if staged else min(600, max(200, epochs)))
    return f"{STEPS.get(f'{kind} {name}', usual)}steps"


def forward(network: Network, prepared: Prepared, rows: int = 7) -> dict[str, Tensor]:
    """Outputs for the first rows of the test part."""
    with torch.no_grad():
        return network.eval()(inputs_of(network, prepared, rows))


def inputs_of(network: Network, prepared: Prepared, rows: int = 7) -> dict[str, Any]:
    """What the kind's forward reads: data, or noise for kinds that only make."""
    test = prepared.parts.test or prepared.parts.train
    if isinstance(network, FromNoise):
        torch.manual_seed(0)
        return network.noise_like(rows)
    return test.take(torch.arange(min(rows, len(test)))).inputs


@per_kind
def test_a_kind_accepts_something_and_refuses_the_rest_with_a_sentence(kind: str) -> None:
    cls = find(kind)
    assert accepted(kind), "no data of the catalogue fit this kind"
    for name in DATA:
        prepared = data(name)
        able = cls.can(prepared.spec, prepared.task)
        if isinstance(able, No):
            assert len(able) > 30 and kind in able, f"'{able}' does not say what {kind} needs"
            with pytest.raises(Unsuitable):
                cls(cls.Config(), prepared.spec, prepared.task)
        else:
            assert able.abilities
            network = build(kind, config_of(kind, prepared), prepared, 0)
            for ability in able.abilities:
                assert isinstance(network, ability), f"{kind} promises {ability.__name__}"


@per_pair
def test_it_learns_and_from_spoiled_data_it_does_not(kind: str, name: str) -> None:
    prepared = data(name)
    parts, task = prepared.parts, prepared.task
    if (kind, name) in ELSEWHERE:
        pytest.skip(ELSEWHERE[kind, name])
    if (kind, name) in LEARNED:
        task = copy(task)
        task.learned = LEARNED[kind, name]  # type: ignore[misc]
    must = task.must_reach(parts.train, parts.test)
    sign = 1 if task.higher_is_better else -1
    score = task.evaluate(learned(kind, name), parts.test, reference=parts.train).score
    assert sign * score >= sign * must, f"{kind} on {name}: {task.metric} {score:.4f}, must reach {must:.4f}"
    spoiled = Parts(task.spoil(parts.train, 1), parts.valid and task.spoil(parts.valid, 2), parts.test)
    fooled = learn(kind, prepared, spoiled, budget=_budget(kind, name)).network
    score = task.evaluate(fooled, parts.test, reference=parts.train).score
    assert sign * score < sign * must, f"{kind} on spoiled {name}: {task.metric} {score:.4f} passes for learned ({must:.4f})"


@per_kind
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(kind: str) -> None:
    prepared = data(SMALL[kind])
    one, two = (learn(kind, prepared, seed=4, budget="12steps").network.state_dict() for _ in range(2))
    assert same(one, two)
    other = learn(kind, prepared, seed=5, budget="12steps").network
    assert same(one, other.state_dict()) == other.chanceless()


class _Killed(Exception):
    pass


@per_kind
def test_resuming_at_every_save_equals_an_uninterrupted_run(kind: str, tmp_path: Path) -> None:
    prepared = data(SMALL[kind])
    whole = learn(kind, prepared, budget="11steps")
    saves = 0

    def stop_after_each(event: Event) -> None:
        nonlocal saves
        if isinstance(event, Saved):
            saves += 1
            if saves % 3 == 0:
                raise _Killed

    tries = 0
    while True:
        try:
            outcome = learn(
                kind,
                prepared,
                budget="11steps",
                folder=tmp_path,
                resume=tries > 0,
                listen=(stop_after_each,),
                checkpoint_seconds=0.0,
            )
            break
        except _Killed:
            tries += 1
            assert tries < 200
    assert tries >= 2
    assert same(outcome.network.state_dict(), whole.network.state_dict())
    assert outcome.network.found == whole.network.found
    assert (outcome.steps, outcome.epochs, outcome.validation) == (whole.steps, whole.epochs, whole.validation)


@per_kind
def test_config_spec_and_found_survive_json(kind: str) -> None:
    prepared, network = data(SMALL[kind]), learned(kind, SMALL[kind])
    cls = type(network)
    config = cls.Config.model_validate_json(network.config.model_dump_json())
    spec = type(prepared.spec).model_validate_json(prepared.spec.model_dump_json())
    found = json.loads(json.dumps(network.found))
    assert config == network.config and spec == network.spec and found == network.found
    again = cls(config, spec, prepared.task, found)
    again.load_state_dict(network.state_dict())
    for name, value in forward(again, prepared).items():
        assert torch.equal(value, forward(network, prepared)[name])


@pytest.mark.xdist_group("fresh process")
def test_every_kind_saved_here_gives_identical_outputs_in_a_fresh_process(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    for kind in KINDS:
        prepared = data(SMALL[kind])
        network = learn(kind, prepared, budget="12steps").network.eval()
        save_run(tmp_path / kind, network, prepared.preprocessing, data=prepared.name)
        flat = torch.utils._pytree.tree_leaves(inputs_of(network, prepared))
        save_file({str(k): leaf.contiguous() for k, leaf in enumerate(flat)}, tmp_path / f"{kind}.inputs")
        save_file({k: v.contiguous() for k, v in forward(network, prepared).items()}, tmp_path / f"{kind}.outputs")
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from stored import outputs_equal
wrong = [kind for kind in {list(KINDS)!r} if not outputs_equal(Path({str(tmp_path)!r}), kind)]
assert not wrong, wrong
print("all equal")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "all equal", done.stderr


@per_pair
def test_the_predict_path_traces_and_gives_the_same(kind: str, name: str) -> None:
    prepared = data(name)
    config = {**config_of(kind, prepared), **TRACED.get(kind, {})}
    network = build(kind, config, prepared, 0) if not learned_shapes(kind) else learned(kind, name)
    if type(network).card.export:
        pytest.skip(type(network).card.export)
    network.eval()
    inputs = inputs_of(network, prepared)
    exported = torch.export.export(network, (inputs,)).module()
    for output, value in network(inputs).items():
        assert torch.allclose(exported(inputs)[output], value, atol=1e-5), output


def learned_shapes(kind: str) -> bool:
    """Whether shapes are known only after learning."""
    return bool(learned(kind, SMALL[kind]).found)


@per_kind
def test_probe_points_show_finite_tensors(kind: str) -> None:
    prepared, network = data(SMALL[kind]), learned(kind, SMALL[kind])
    probes = {name: module for name, module in network.named_modules() if isinstance(module, Probe)}
    assert probes, f"{kind} has no probe point"
    seen: dict[str, Tensor] = {}
    hooks = [m.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out})) for name, m in probes.items()]
    forward(network, prepared)
    for hook in hooks:
        hook.remove()
    assert seen, "no probe was passed on the predict path"
    assert all(torch.isfinite(value).all() and value.numel() for value in seen.values())


@per_kind
def test_the_card_is_complete(kind: str) -> None:
    card = find(kind).card
    for field in ("idea", "equation", "paper", "learns", "good_at", "weak_at", "cost", "processes"):
        assert len(getattr(card, field)) > 8, f"{kind}: card has no {field}"
    assert 1900 < card.year <= 2026
    assert str(card.year) in find(kind).__module__ or card.year, "a year is given"
    doc = sys.modules[find(kind).__module__].__doc__ or ""
    assert "Shapes:" in doc and "=" in doc, f"{kind}: the file opens with idea, equation and shape legend"


@per_kind
def test_training_leaves_other_networks_and_the_data_alone(kind: str) -> None:
    prepared = data(SMALL[kind])
    other = build(kind, config_of(kind, prepared), prepared, 9)
    before, stored = copy_of(other), {n: {k: t.clone() for k, t in c.items()} for n, c in prepared.parts.train.columns.items()}
    learn(kind, prepared, budget="5steps")
    assert same(before, copy_of(other))
    for name, columns in prepared.parts.train.columns.items():
        assert same(stored[name], columns)


@per_kind
def test_the_stored_run_of_the_first_release_still_loads_and_answers_the_same(kind: str) -> None:
    from stored import FOLDER, outputs_equal

    assert (FOLDER / kind).is_dir(), f"store a tiny run of {kind}: python tests/contract/stored.py {kind}"
    assert outputs_equal(FOLDER, kind, exact=False)
    network, _, manifest = load_run(FOLDER / kind)
    assert manifest.kind == kind and isinstance(network, find(kind))


@pytest.mark.xdist_group("lstm")
def test_ragged_rows_pass_split_loop_resume_and_predict() -> None:
    prepared = data("questions")
    lengths = {int(n) for n in prepared.parts.train.all().inputs["text"].lengths_B}
    assert len(lengths) > 5
    together = forward(learned("lstm", "questions"), prepared, rows=6)
    test: Dataset = prepared.parts.test
    for row in range(6):
        alone = learned("lstm", "questions")(test.take(torch.tensor([row])).inputs)
        for name, value in alone.items():
            assert torch.allclose(value[0], together[name][row], atol=1e-5), "padding changed an answer"

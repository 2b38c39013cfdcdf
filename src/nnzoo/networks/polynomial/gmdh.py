"""Group method of data handling: a polynomial network that grows layer by layer until data it was not fitted to say stop.

    z = a_0 + a_1 u + a_2 v + a_3 u v + a_4 u^2 + a_5 v^2         for every pair (u, v) of a layer's inputs   (Ivakhnenko 1971)
    fit:       a = argmin over part A of  mean (y - z)^2                                         (internal criterion)
    selection: keep the units with the least  mean (y - z)^2  over part B                        (external criterion: regularity)

The next layer pairs the survivors; growth ends when the best unit of a layer is no better on B than the best before it, and what
the best unit does not use is cut away. Later layers may also pair the original inputs, as in later variants of the method (GMDH
with multiple-layer inputs, Ivakhnenko & Mueller 1995). Part B is the validation part, or a quarter of the rows if there is none.

Every pair's normal equations are read off a few matrices of moments, mean u^p v^q and mean y u^p v^q, one product each. Ours: they
are solved with iterated Tikhonov regularisation, r, eight times (Riley 1955), which leaves well-determined coefficients exact and
damps the difference of two nearly equal inputs; and a unit's output is kept within the range of the target in A, widened by
`beyond` on either side, because polynomials of polynomials run away where there were no data.

Labels: one network a label learns its indicator, whose least-squares answer estimates p(label | x); outputs are their logarithms.

Shapes: N rows, M inputs of a layer (the D original ones first), P pairs, U units kept, O targets; 6 coefficients a unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from nnzoo.blocks.polynomials import Polynomial, combination, in_words, product, variable
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.stems import OneHotStem
from nnzoo.core.abilities import Explains, Predicts
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import DataError, NnzooError
from nnzoo.core.fields import Classes, Image, Spec, Table, Values
from nnzoo.core.learning import Clock, Done, Solve, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import LogIntegers, LogUniform, Space, Uniform
from nnzoo.core.seeds import generator
from nnzoo.core.task import Task

POWERS = ((0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (0, 2))  # of u and v in the six terms
REPEATS = 8  # of the regularised solution
PAIRS_AT_ONCE, ROWS_AT_ONCE = 65536, 65536
EXACT = 1e-13  # share of the target's variance: below, only the rounding of stored data is left to explain
FEWEST = 10  # rows of part B
LEAST = 1e-2  # a probability: least squares may estimate one below zero
MOST_INPUTS = 256
MOST_TERMS = 20_000  # of a polynomial multiplied out


class Config(NetworkConfig):
    """How many units survive a layer, how deep it may grow, and what counts as better."""

    width: int = Field(100, ge=1)  # U
    depth: int = Field(20, ge=1)
    improvement: float = Field(1e-2, ge=0)  # relative, that one more layer must bring
    ridge: float = Field(3e-3, ge=0)  # r, relative to each term's mean square
    beyond: float = Field(0.25, ge=0)  # of the range of the target
    search: ClassVar[Space] = {
        "width": LogIntegers(20, 200),
        "improvement": LogUniform(1e-3, 0.1),
        "ridge": LogUniform(1e-4, 0.1),
        "beyond": Uniform(0, 1),
    }


class Moments(NamedTuple):
    """Means over rows of u^p v^q, for p + q <= 4, and of y u^p v^q, for p + q <= 2, as matrices over all inputs (M M)."""

    of_inputs: dict[tuple[int, int], Tensor]
    with_target: dict[tuple[int, int], Tensor]
    of_target: Tensor  # mean y^2


def moments(z_NM: Tensor, y_N: Tensor, w_N: Tensor) -> Moments:
    """Moments of a layer's inputs; `w_N` are the rows' weights, with sum 1."""
    of_inputs: dict[tuple[int, int], Tensor] = {}
    with_target: dict[tuple[int, int], Tensor] = {}
    for z_nM, y_n, w_n in zip(z_NM.split(ROWS_AT_ONCE), y_N.split(ROWS_AT_ONCE), w_N.split(ROWS_AT_ONCE)):
        power = [torch.ones_like(z_nM), z_nM, z_nM**2, z_nM**3, z_nM**4]
        for p, q in ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (4, 0)):
            of_inputs[p, q] = of_inputs.get((p, q), 0) + (power[p] * w_n[:, None]).T @ power[q]
        for p, q in ((0, 0), (1, 0), (1, 1), (2, 0)):
            with_target[p, q] = with_target.get((p, q), 0) + (power[p] * (w_n * y_n)[:, None]).T @ power[q]
    return Moments(of_inputs, with_target, (w_N * y_N**2).sum())


def normal_equations(m: Moments, u_P: Tensor, v_P: Tensor) -> tuple[Tensor, Tensor]:
    """For pairs of inputs: the mean product of any two of the six terms (P 6 6), and of each with the target (P 6)."""

    def entry(table: dict[tuple[int, int], Tensor], p: int, q: int) -> Tensor:
        return table[p, q][u_P, v_P] if (p, q) in table else table[q, p][v_P, u_P]

    gram_P66 = torch.stack([torch.stack([entry(m.of_inputs, p + s, q + t) for s, t in POWERS], -1) for p, q in POWERS], -2)
    return gram_P66, torch.stack([entry(m.with_target, p, q) for p, q in POWERS], -1)


def solve(gram_P66: Tensor, right_P6: Tensor, ridge: float) -> Tensor:
    """Least-squares coefficients (P 6) by iterated Tikhonov regularisation: along an eigenvector of the (scaled) Gram matrix with
    eigenvalue e, what is missing from the plain solution is (r / (r + e))^8 of it."""
    scale_P6 = gram_P66.diagonal(dim1=1, dim2=2).clamp(min=1e-300).rsqrt()
    scaled_P66 = gram_P66 * scale_P6[:, :, None] * scale_P6[:, None]
    jitter = max(ridge, 1e-12)  # an indicator is its own square: singular without
    factor_P66 = torch.linalg.cholesky(scaled_P66 + jitter * torch.eye(6, dtype=gram_P66.dtype, device=gram_P66.device))
    wanted_P61 = (right_P6 * scale_P6)[..., None]
    a_P61 = torch.zeros_like(wanted_P61)
    for _ in range(REPEATS):
        a_P61 = a_P61 + torch.cholesky_solve(wanted_P61 - scaled_P66 @ a_P61, factor_P66)
    return a_P61[..., 0] * scale_P6


def units(z_BM: Tensor, pairs_U2: Tensor, a_U6: Tensor) -> Tensor:
    """The polynomial of each unit (B U)."""
    u_BU, v_BU = z_BM[:, pairs_U2[:, 0]], z_BM[:, pairs_U2[:, 1]]
    a0, a1, a2, a3, a4, a5 = a_U6.unbind(1)
    return a0 + u_BU * (a1 + a3 * v_BU + a4 * u_BU) + v_BU * (a2 + a5 * v_BU)


class GMDH(Network):
    """One polynomial network a target, all of it in float64.

    `found["models"]`: for each target its `layers` (pairs of inputs of each unit: below D an original one, else D + unit of the
    layer before), the best external `criterion` of each, the `bounds` of units, and whether it is `done`.
    """

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Table, Image)
        if name is None:
            return No("gmdh reads the columns of a table or the pixels of a small picture; for text use lstm, for a graph gcn")
        if spec.only("outputs", Values, Classes) is None:
            return No("gmdh gives numbers or one label of several and the target is neither; name another one, or use mlp")
        if OneHotStem(spec.inputs[name]).size > MOST_INPUTS:
            return No(f"gmdh pairs all inputs and these are more than {MOST_INPUTS}; use cnn for pictures, mlp for a wide table")
        if OneHotStem(spec.inputs[name]).size < 2:
            return No("gmdh pairs inputs and there is only one column; give a second one, or use mlp")
        return Can((Predicts, Explains))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.input,), (self.output,) = spec.inputs, spec.outputs
        self.stem = OneHotStem(spec.inputs[self.input])
        answer = spec.outputs[self.output]
        if isinstance(answer, Classes):  # an indicator of each label, as numbers to predict
            answer = Values(names=answer.labels, mean=(0.0,) * answer.size, std=(1.0,) * answer.size)
        assert isinstance(answer, Values)
        self.values, self.labelled, self.survivors = answer, isinstance(spec.outputs[self.output], Classes), Probe()
        nothing: dict[str, Any] = {"layers": [], "criterion": [], "bounds": [0.0, 0.0], "done": False}
        self.found.setdefault("models", [nothing] * answer.size)
        for target, model in enumerate(self.found["models"]):
            for layer, pairs in enumerate(model["layers"]):
                self._put(target, layer, pairs, torch.zeros(len(pairs), 6, dtype=torch.float64))

    def _put(self, target: int, layer: int, pairs: list[list[int]], a_U6: Tensor) -> None:
        self.register_buffer(f"pairs_{target}_{layer}", torch.tensor(pairs, device=a_U6.device), persistent=False)
        self.register_buffer(f"coefficients_{target}_{layer}", a_U6)

    def coefficients(self, target: int, layer: int) -> Tensor:
        """Coefficients of a layer's units (U 6), in the order of the equation above, for standardised inputs and target."""
        return self.get_buffer(f"coefficients_{target}_{layer}")

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        x_BD = self.stem(inputs[self.input]).double()
        assert x_BD.ndim == 2 and x_BD.shape[1] == self.stem.size
        y_BO = torch.stack([self.target(x_BD, o) for o in range(self.values.size)], 1)
        return {self.output: (y_BO.clamp(min=LEAST).log() if self.labelled else y_BO).float()}

    def target(self, x_BD: Tensor, o: int) -> Tensor:
        """One standardised target (B, float64): the first, and best, unit of the last layer; 0, the mean, before there is one."""
        if not self.found["models"][o]["layers"]:
            return torch.zeros_like(x_BD[:, 0])
        return self.survivors(self.grown(x_BD, o))[:, x_BD.shape[1]]

    def grown(self, x_BD: Tensor, o: int) -> Tensor:
        """The inputs of the layer after the last (B M): the original ones, then the last layer's units."""
        model, z_BM = self.found["models"][o], x_BD
        low, high = model["bounds"]
        for layer in range(len(model["layers"])):
            u_BU = units(z_BM, self.get_buffer(f"pairs_{o}_{layer}"), self.coefficients(o, layer))
            z_BM = torch.cat([x_BD, u_BU.clamp(low, high)], 1)
        return z_BM

    def stages(self, task: Task) -> tuple[Stage, ...]:
        return (Stage((Solve("growth", self.learn),), epochs=1),)

    def learn(self, parts: Parts, clock: Clock) -> Iterator[Done]:
        """Grow one layer after the other for one target after the other; each stands in `found` and the tensors when it is done."""
        for o in range(self.values.size):
            if self.found["models"][o]["done"]:
                continue
            fit, judge = self._sides(parts, o)
            while not self.found["models"][o]["done"]:
                self.grow(o, fit, judge)
                criterion = self.found["models"][o]["criterion"]
                yield Done(None, {"layers": len(criterion), "external_criterion": criterion[-1]})

    def grow(self, o: int, fit: tuple[Tensor, Tensor, Tensor], judge: tuple[Tensor, Tensor, Tensor]) -> None:
        """Add the layer of the best units, or, if it brings too little, cut away what the best unit does not use and be done.

        `fit` and `judge` (parts A and B) are original inputs (N D), standardised target (N) and weights (N).
        """
        (x_ND, y_N, w_N), (x_ND_B, y_N_B, w_N_B) = fit, judge
        model, c = dict(self.found["models"][o]), self.config
        if not model["layers"]:
            low, high = float(y_N.min()), float(y_N.max())
            model["bounds"] = [low - c.beyond * (high - low), high + c.beyond * (high - low)]
        a_side = moments(self.grown(x_ND, o), y_N, w_N)
        b_side = moments(self.grown(x_ND_B, o), y_N_B, w_N_B)
        M = len(a_side.of_inputs[0, 0])
        pairs_2P = torch.triu_indices(M, M, 1, device=x_ND.device)
        a_P6, criterion_P = [], []
        for u_p, v_p in zip(*(side.split(PAIRS_AT_ONCE) for side in pairs_2P)):
            a_p6 = solve(*normal_equations(a_side, u_p, v_p), c.ridge)
            gram_p66, right_p6 = normal_equations(b_side, u_p, v_p)
            # mean (y - a z)^2 = mean y^2 - 2 a mean(y z) + a mean(z z) a
            squared_p = torch.einsum("pi,pij,pj->p", a_p6, gram_p66, a_p6)
            criterion_P.append(b_side.of_target - 2 * (a_p6 * right_p6).sum(1) + squared_p)
            a_P6.append(a_p6)
        best = torch.cat(criterion_P).sort(stable=True)
        kept_U, least = best.indices[: c.width], max(float(best.values[0]), 0.0)
        before = model["criterion"][-1] if model["criterion"] else float("inf")
        if least < before * (1 - c.improvement):
            pairs = pairs_2P[:, kept_U].T.tolist()
            self._put(o, len(model["layers"]), pairs, torch.cat(a_P6)[kept_U].contiguous())
            model["layers"], model["criterion"] = [*model["layers"], pairs], [*model["criterion"], least]
            model["done"] = False
        else:
            model["done"] = True
        if least <= EXACT * float(b_side.of_target) or len(model["layers"]) == c.depth:
            model["done"] = True
        self._found(o, model)
        if model["done"]:
            self._trace_back(o)

    def _found(self, o: int, model: dict[str, Any]) -> None:
        self.found["models"] = [model if t == o else other for t, other in enumerate(self.found["models"])]

    def _trace_back(self, o: int) -> None:
        """Keep the best unit and what it is made of."""
        model, D = self.found["models"][o], self.stem.size
        wanted, kept = [0], []
        for layer in reversed(range(len(model["layers"]))):
            if not wanted:
                break  # all above use original inputs alone
            pairs = [model["layers"][layer][unit] for unit in wanted]
            below = sorted({i - D for pair in pairs for i in pair if i >= D})
            kept.append(
                ([[i if i < D else D + below.index(i - D) for i in pair] for pair in pairs], self.coefficients(o, layer)[wanted])
            )
            wanted = below
        for layer in range(len(model["layers"])):
            delattr(self, f"pairs_{o}_{layer}")
            delattr(self, f"coefficients_{o}_{layer}")
        for layer, (pairs, a_U6) in enumerate(reversed(kept)):
            self._put(o, layer, pairs, a_U6.contiguous())
        self._found(o, {**model, "layers": [pairs for pairs, _ in reversed(kept)]})

    def _sides(self, parts: Parts, o: int) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
        """Parts A and B for one target. Raises DataError if A has fewer rows than a unit has coefficients."""
        fit = self._side(parts.train, o)
        if parts.valid is not None:
            judge = self._side(parts.valid, o)
            if len(judge[0]) >= FEWEST:
                return self._enough(fit, o), judge
        order_N = torch.randperm(len(fit[0]), generator=generator(len(fit[0]))).to(self.device)
        cut = len(order_N) // 4
        x_ND, y_N, w_N = fit
        a_side, b_side = (
            (x_ND[rows], y_N[rows], w_N[rows] / w_N[rows].sum())
            for rows in (order_N[cut:].sort().values, order_N[:cut].sort().values)
        )
        return self._enough(a_side, o), b_side

    def _enough(self, fit: tuple[Tensor, Tensor, Tensor], o: int) -> tuple[Tensor, Tensor, Tensor]:
        if len(fit[0]) < len(POWERS):
            raise DataError(
                f"target '{self.values.names[o]}' has too few known rows for gmdh, which needs about 30; give more rows or use mlp"
            )
        return fit

    def _side(self, dataset: Dataset, o: int) -> tuple[Tensor, Tensor, Tensor]:
        """Original inputs (N D), standardised target (N) and weights (N) of the rows whose target is known, in float64."""
        batches = list(dataset.batches(4096))
        x_ND = torch.cat([self.stem(batch.inputs[self.input]) for batch in batches]).double()
        if self.labelled:
            codes_N = dataset.stored(self.output, "codes").to(x_ND.device)
            y_N = torch.where(codes_N < 0, torch.nan, (codes_N == o).double())
        else:
            y_N = dataset.stored(self.output, "numbers")[:, o].to(x_ND.device).double()
            y_N = (y_N - self.values.mean[o]) / self.values.std[o]
        weights = [torch.ones(len(batch)) if batch.weight is None else batch.weight for batch in batches]
        w_N = torch.cat(weights).to(x_ND)
        known_N = ~y_N.isnan() & (w_N > 0)
        w_N = w_N[known_N]
        return x_ND[known_N], y_N[known_N], w_N / w_N.sum()

    def expand(self, target: str | None = None) -> dict[tuple[str, ...], float]:
        """The polynomial multiplied out, in original units: ("a", "a", "b") is the coefficient of a^2 b, () the constant.

        `target` is by default the first. It is what the network computes wherever no unit reaches its bounds. Raises NnzooError
        where it has more than 20,000 terms.
        """
        o = self.values.names.index(target) if target else 0
        return {tuple(self.names[v] for v in monomial): a for monomial, a in self._expanded(o, MOST_TERMS).items()}

    def formula(self) -> str:
        """For each target its polynomial, multiplied out if it is short, else unit by unit."""
        return "\n".join(self._formula(o) for o in range(self.values.size))

    @property
    def names(self) -> list[str]:
        """Of the original inputs (D): columns, then `column=code` for categories; pixels (0..1) in reading order."""
        table = self.spec.inputs[self.input]
        if isinstance(table, Image):
            return [f"pixel{i}" for i in range(table.size)]
        assert isinstance(table, Table)
        return [*table.numeric, *(f"{c.name}={code}" for c in table.categories for code in range(c.size))]

    def _scales(self) -> list[tuple[float, float]]:
        """Mean and deviation that standardised each original input (D)."""
        table = self.spec.inputs[self.input]
        if isinstance(table, Image):
            area, channels = table.height * table.width, range(table.channels)
            return [(table.mean[c % len(table.mean)], table.std[c % len(table.std)]) for c in channels for _ in range(area)]
        assert isinstance(table, Table)
        return [*zip(table.mean, table.std), *[(0.0, 1.0)] * (self.stem.size - len(table.mean))]

    def _expanded(self, o: int, most: int) -> Polynomial:
        inputs = [variable(d, 1 / std, -mean / std) for d, (mean, std) in enumerate(self._scales())]
        z: list[Polynomial] = inputs
        for layer, pairs in enumerate(self.found["models"][o]["layers"]):
            made = []
            for (i, j), a in zip(pairs, self.coefficients(o, layer).tolist()):
                if (len(z[i]) + len(z[j])) ** 2 > 50 * most:
                    raise NnzooError(
                        f"the polynomial has more than {most} terms when multiplied out; formula() gives it unit by unit"
                    )
                u, v = z[i], z[j]
                made.append(combination(zip(a, ({(): 1.0}, u, v, product(u, v), product(u, u), product(v, v)))))
            z = inputs + made
        standardised = z[self.stem.size] if len(z) > self.stem.size else {}
        return combination([(self.values.std[o], standardised), (self.values.mean[o], {(): 1.0})])

    def _formula(self, o: int) -> str:
        name, layers = self.values.names[o], self.found["models"][o]["layers"]
        low, high = self.found["models"][o]["bounds"]
        if len(layers) <= 2:
            terms = self._expanded(o, MOST_TERMS)
            reach = [max(abs(mean), std) for mean, std in self._scales()]
            seen = {m: a for m, a in terms.items() if abs(a) * math.prod(reach[v] for v in m) > 1e-6 * self.values.std[o]}
            return f"{name} = {in_words(seen, self.names)}"
        mean, std = self.values.mean[o], self.values.std[o]
        lines = [f"{name} = {mean:.6g} + {std:.6g} z{len(layers)}_1, every z kept in {low:.4g} .. {high:.4g}"]
        symbols = [f"[{name}]" for name in self.names]
        for layer, pairs in enumerate(layers):
            for unit, ((i, j), (a0, a1, a2, a3, a4, a5)) in enumerate(zip(pairs, self.coefficients(o, layer).tolist())):
                unit_polynomial = {(): a0, (i,): a1, (j,): a2, (i, j): a3, (i, i): a4, (j, j): a5}
                lines.append(f"  z{layer + 1}_{unit + 1} = {in_words(unit_polynomial, symbols)}")
            symbols = symbols[: self.stem.size] + [f"z{layer + 1}_{unit + 1}" for unit in range(len(pairs))]
        used = {i for pairs in layers for pair in pairs for i in pair if i < self.stem.size}
        scales = [f"{symbols[d]} = ({self.names[d]} - {m:.6g}) / {s:.6g}" for d, (m, s) in enumerate(self._scales()) if d in used]
        return "\n".join([*lines, "  with " + ", ".join(scales)])

    card = Card(
        idea="Quadratic polynomials of pairs of inputs, stacked; other data choose which survive and how deep it grows.",
        equation="z = a_0 + a_1 u + a_2 v + a_3 u v + a_4 u^2 + a_5 v^2, selected by the mean squared error on other data",
        paper="Ivakhnenko, Polynomial theory of complex systems, IEEE Transactions on Systems, Man, and Cybernetics 1",
        year=1971,
        learns="supervised, in closed form: least squares for every pair, selection by an external criterion",
        good_at="tables of some hundred rows with smooth relations; stating what it found as a formula",
        weak_at="jumps and thresholds, hundreds of columns, answers far outside the data",
        cost="a dozen products (M x N) by (N x M) a layer and a 6 x 6 system for each of the M (M - 1) / 2 pairs",
        processes="solved by the first process and handed to the others",
    )

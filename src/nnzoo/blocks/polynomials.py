"""Polynomials in several variables as sums of monomials, for networks that can state themselves as a formula.

A monomial is the sorted tuple of its variables' numbers, each as often as its power: () is 1, (0, 0, 2) is x_0^2 x_2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

Polynomial = dict[tuple[int, ...], float]


def variable(number: int, scale: float = 1.0, offset: float = 0.0) -> Polynomial:
    """offset + scale x_number."""
    return {(): offset, (number,): scale}


def combination(terms: Iterable[tuple[float, Polynomial]]) -> Polynomial:
    """The sum of factor times polynomial."""
    total: Polynomial = {}
    for factor, polynomial in terms:
        for monomial, coefficient in polynomial.items():
            total[monomial] = total.get(monomial, 0.0) + factor * coefficient
    return total


def product(p: Polynomial, q: Polynomial) -> Polynomial:
    """p times q."""
    total: Polynomial = {}
    for of_p, a in p.items():
        for of_q, b in q.items():
            monomial = tuple(sorted(of_p + of_q))
            total[monomial] = total.get(monomial, 0.0) + a * b
    return total


def in_words(polynomial: Polynomial, names: Sequence[str], digits: int = 6) -> str:
    """As a person writes it, lower powers first: `3 + 2 a - 0.5 a b^2`."""
    text = ""
    for monomial in sorted(polynomial, key=lambda m: (len(m), m)):
        coefficient = polynomial[monomial]
        factors = [names[v] if power == 1 else f"{names[v]}^{power}" for v, power in Counter(monomial).items()]
        sign = ("-" if coefficient < 0 else "") if not text else (" - " if coefficient < 0 else " + ")
        text += sign + " ".join([f"{abs(coefficient):.{digits}g}", *factors])
    return text or "0"

"""Verdicts: a winner only beyond chance, ties named, plain baselines preferred, in words a person can use."""

from nnzoo.comparing.entries import Entry
from nnzoo.comparing.intervals import SeedsOnly
from nnzoo.comparing.verdict import decide, shown, size_of


def entry(kind, scores, role="network", latency=1.0, size=1000, error=""):
    mean = sum(scores) / len(scores) if scores else None
    return Entry(kind, role, mean, mean, mean, scores, 1.0, latency, latency, 10, size, error=error)


def judged(*entries, higher=True, metric="accuracy"):
    return decide(entries, SeedsOnly({e.kind: e.scores for e in entries if e.scores}), metric, higher)


CLEAR, CLOSE, LOW = [0.95, 0.951, 0.949, 0.95], [0.94, 0.965, 0.93, 0.955], [0.5, 0.51, 0.49, 0.5]


def test_a_clear_lead_wins():
    verdict = judged(entry("cnn", CLEAR), entry("mlp", LOW), entry("majority", [0.1] * 4, "baseline"))
    assert (verdict.winner, verdict.tied, verdict.recommended) == ("cnn", (), "cnn")
    assert "cnn is best: accuracy 95.0 %" in verdict.text and "closest: mlp" in verdict.text
    assert "baseline" not in verdict.text


def test_a_lead_within_chance_is_a_tie_and_the_fastest_is_recommended():
    verdict = judged(entry("cnn", CLEAR, latency=5), entry("mlp", CLOSE, latency=0.2, size=9000), entry("pnn", LOW))
    assert verdict.winner is None and verdict.tied == ("cnn", "mlp") and verdict.recommended == "mlp"
    assert "cnn and mlp cannot be told apart" in verdict.text and "mlp answers fastest" in verdict.text
    assert "cnn is the smallest" in verdict.text


def test_a_baseline_in_the_tie_means_no_network_is_needed():
    verdict = judged(entry("cnn", CLEAR), entry("logistic-regression", CLOSE, "baseline", latency=9))
    assert verdict.winner is None and verdict.recommended == "logistic-regression"
    assert "no neural network is needed" in verdict.text


def test_a_baseline_ahead_of_every_network_wins():
    verdict = judged(entry("cnn", LOW), entry("gradient-boosting", CLEAR, "baseline"))
    assert verdict.winner == "gradient-boosting" and "no neural network is needed" in verdict.text


def test_a_tie_with_a_baseline_that_does_not_look_says_that_nothing_was_learned():
    verdict = judged(entry("cnn", CLOSE), entry("majority", CLEAR, "baseline"))
    assert "majority, does not even look at the input" in verdict.text


def test_lower_is_better_where_the_metric_says_so():
    verdict = judged(entry("lstm", LOW), entry("n-gram", CLEAR, "baseline"), higher=False, metric="nats_per_token")
    assert verdict.winner == "lstm" and "nats per token 0.5" in verdict.text


def test_more_entrants_ask_for_a_larger_difference():
    """The pair alone is decided at 95 %; among nine entrants the same pair is not (Bonferroni)."""
    best, second = entry("a", [0.90, 0.92, 0.91, 0.93]), entry("b", [0.88, 0.90, 0.885, 0.895])
    others = [entry(f"low{i}", LOW) for i in range(7)]
    assert judged(best, second).winner == "a"
    assert judged(best, second, *others).tied == ("a", "b")


def test_failed_entrants_do_not_count():
    verdict = judged(entry("cnn", CLEAR), entry("mlp", LOW), entry("lstm", [], error="broke"))
    assert verdict.winner == "cnn"
    assert judged(entry("lstm", [], error="broke")).winner is None


def test_one_entrant_alone_is_no_winner():
    verdict = judged(entry("cnn", CLEAR))
    assert verdict.winner is None and "alone" in verdict.text


def test_figures_are_written_for_people():
    assert shown(0.98765, "accuracy") == "98.8 %" and shown(12.3456, "rmse") == "12.35" and shown(-1.5e-05, "r2") == "-0.000"
    assert size_of(999) == "999 B" and size_of(213355) == "213 kB" and size_of(2_367_291) == "2.37 MB"

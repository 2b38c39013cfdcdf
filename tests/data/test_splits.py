"""Divisions of rows: complete, without overlap, the same for the same seed, fair to rare labels, groups and time."""

import numpy as np
import pytest

from nnzoo.core.errors import DataError
from nnzoo.data.splits import folds, group_split, official_split, random_split, time_split


def whole(parts, n):
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    return [len(part) for part in parts]


@pytest.mark.parametrize("n, sizes", [(3, [1, 1, 1]), (10, [6, 2, 2]), (1000, [700, 150, 150])])
def test_random_parts_cover_all_rows_once(n, sizes):
    assert whole(random_split(n), n) == sizes


def test_the_seed_alone_decides():
    labels = np.arange(200) % 3
    for way in (lambda s: random_split(200, labels, seed=s), lambda s: group_split(labels * 7 + np.arange(200) % 5, seed=s)):
        assert all(np.array_equal(a, b) for a, b in zip(way(1), way(1)))
        assert not all(np.array_equal(a, b) for a, b in zip(way(1), way(2)))
    assert random_split(20, seed=0)[2].tolist() == [7, 15, 19]  # the stream must not change with a release


def test_each_label_has_the_same_shares():
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    for part, share in zip(random_split(1000, labels, seed=5), (0.7, 0.15, 0.15)):
        np.testing.assert_array_equal(np.bincount(labels[part]), [600 * share, 300 * share, 100 * share])


def test_labels_of_one_or_two_rows_are_trained_on():
    labels = np.repeat([0, 1, 2, 3], [50, 50, 2, 1])
    train, valid, test = random_split(103, labels)
    assert (labels[train] >= 2).sum() == 3 and len(valid) == len(test) == 16
    train, _, _ = random_split(103, labels, valid=0.4, test=0.4)
    assert (labels[train] >= 2).sum() == 3


def test_where_all_labels_are_rare_parts_are_still_filled():
    assert min(whole(random_split(40, np.arange(40) // 2), 40)) == 6


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="no validation rows of 2"):
        random_split(2)


def test_official_parts_are_kept_and_completed():
    part = np.array(["train"] * 80 + ["test"] * 20)
    train, valid, test = official_split(part, np.arange(100) % 2)
    assert test.tolist() == list(range(80, 100)) and len(valid) == 12 and whole((train, valid, test), 100)[0] == 68
    part[:10] = "valid"
    assert official_split(part)[1].tolist() == list(range(10))
    part[10:20] = ""
    assert not {*range(10, 20)} & set(np.concatenate(official_split(part)).tolist())
    with pytest.raises(DataError, match="train, valid and test"):
        official_split(np.array(["learn", "test"]))


def test_an_official_part_of_one_example_each_is_not_robbed():
    train, valid, _ = official_split(np.array(["train", "train", "test", "test"]), np.array([0, 1, 0, 1]))
    assert train.tolist() == [0, 1] and not len(valid)


def test_no_group_is_on_two_sides():
    groups = np.random.RandomState(0).randint(0, 40, 1000)
    parts = group_split(groups, seed=3)
    sizes = whole(parts, 1000)
    sets = [set(groups[part]) for part in parts]
    assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])
    assert abs(sizes[1] - 150) < 40 and abs(sizes[2] - 150) < 40
    for seed in range(5):
        assert min(whole(group_split(np.array([0] * 90 + [1] * 5 + [2] * 5), seed=seed), 100)) >= 5
    with pytest.raises(DataError, match="2 groups"):
        group_split(np.array([0, 0, 1, 1]))


def test_the_newest_rows_are_tested():
    times = np.random.RandomState(0).permutation(100).astype(float)
    train, valid, test = time_split(times)
    assert times[train].max() < times[valid].min() <= times[valid].max() < times[test].min() and len(test) == 15
    tied = np.repeat(np.arange(10.0), 11)
    a, b, c = time_split(tied)
    assert not (set(tied[a]) & set(tied[b]) or set(tied[b]) & set(tied[c])) and whole((a, b, c), 110)
    with pytest.raises(DataError, match="row 3"):
        time_split(np.array([1.0, 2, np.nan, 4]))


def test_folds_test_every_row_once_and_spread_labels():
    labels = np.repeat([0, 1], [70, 30])
    made = folds(100, labels, 10, seed=1)
    assert sorted(np.concatenate([test for _, test in made]).tolist()) == list(range(100))
    assert all(len(train) == 90 and not set(train) & set(test) and labels[test].sum() == 3 for train, test in made)
    with pytest.raises(DataError, match="folds"):
        folds(3, None, 4)

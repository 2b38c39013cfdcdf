"""Copies of training data are found, rows that were never seen are not, nor are smooth or typical ones."""

import torch
from sklearn.datasets import load_digits

from nnzoo.comparing.judging.copying import coarse, copying, ratios, ratios_of_pictures


def clusters(seed, n, spread=1.0):
    draws = torch.Generator().manual_seed(seed)
    centres = 3 * torch.randn(10, 12, generator=torch.Generator().manual_seed(99))
    return centres[torch.randint(10, (n,), generator=draws)] + spread * torch.randn(n, 12, generator=draws)


def test_the_ratio_is_that_of_the_nearest_to_the_mean_of_the_next():
    draws = torch.Generator().manual_seed(0)
    train, x = torch.randn(200, 5, generator=draws) + 50, torch.randn(20, 5, generator=draws) + 50
    found, nearest = ratios(x, train, k=4)
    d = torch.cdist(x.double(), train.double(), compute_mode="donot_use_mm_for_euclid_dist").sort(1)
    assert torch.allclose(found, d.values[:, 0] / d.values[:, 1:4].mean(1), rtol=1e-6)
    assert torch.equal(nearest, d.indices[:, 0])
    assert (ratios(train[:5], train)[0] == 0).all()


def test_false_alarms_are_rare_and_copies_are_caught():
    alarms, caught, some_caught = 0, 0, 0
    for seed in range(60):
        train, held, made = clusters(seed, 800), clusters(1000 + seed, 400), clusters(2000 + seed, 400)
        usual = ratios(held, train)[0]
        alarms += copying(ratios(made, train)[0], usual).flagged
        copies = train[:400] + 0.2 * torch.randn(400, 12, generator=torch.Generator().manual_seed(seed))
        caught += copying(ratios(copies, train)[0], usual).flagged
        made[:40] = copies[:40]  # one in ten is copied
        some_caught += copying(ratios(made, train)[0], usual).flagged
    assert alarms == 0 and caught == 60 and some_caught >= 57


def test_typical_rows_are_no_copies():
    train, held = clusters(0, 800), clusters(1, 400)
    typical = clusters(2, 400, spread=0.5)  # nearer to their nearest training row than held-out rows are to theirs
    assert torch.cdist(typical, train).amin(1).mean() < 0.9 * torch.cdist(held, train).amin(1).mean()
    assert not copying(ratios(typical, train)[0], ratios(held, train)[0]).flagged


def test_the_share_is_that_below_the_quantile_of_held_out_rows():
    usual = torch.arange(1, 1001).double()
    found = copying(torch.cat([torch.zeros(300), torch.full((700,), 500.0)]), usual)
    assert found.share == 0.3 and abs(found.usual - 0.011) < 1e-9 and found.flagged and found.chance < 1e-50
    assert not copying(usual, usual).flagged


def test_pictures_that_were_moved_by_a_pixel_or_made_noisy_are_found_again():
    pictures = torch.from_numpy(load_digits().images).float()[:, None] / 8 - 1
    pictures = pictures[torch.randperm(len(pictures), generator=torch.Generator().manual_seed(1))]
    train, held, fresh = pictures[:1000], pictures[1000:1300], pictures[1300:1600]
    looked_for = (coarse(train), lambda rows: train[rows])
    usual = ratios_of_pictures(held, *looked_for)[0]
    draws = torch.Generator().manual_seed(0)
    noisy = train[:300] + 0.1 * torch.randn(300, 1, 8, 8, generator=draws)
    moved = train[:300].roll((1, 1), (2, 3))
    moved[:, :, 0], moved[:, :, :, 0] = moved[:, :, 1], moved[:, :, :, 1]
    for made, flagged in ((noisy, True), (moved, True), (fresh, False), (held, False)):
        found, nearest = ratios_of_pictures(made, *looked_for)
        verdict = copying(found, usual, nearest)
        assert verdict.flagged is flagged, verdict
        if flagged:
            assert verdict.share > 0.7 and (nearest == torch.arange(300)).float().mean() > 0.9
            assert all(row == place for row, place in verdict.nearest)

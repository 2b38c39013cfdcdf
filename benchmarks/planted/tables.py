"""Faults in tables. Each function takes a seed and gives what `prepare` is to be called with: `source` and options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from planted.clean import CITIES, houses, people

Asked = dict[str, Any]
WRONG_ROWS = (3, 11, 200)  # from 0


def _people(frame: pd.DataFrame, **more: Any) -> Asked:
    return {"source": frame, "targets": "leaves", **more}


def _houses(frame: pd.DataFrame, **more: Any) -> Asked:
    return {"source": frame, "targets": "price", **more}


def _rows(n: int, share: float, seed: int) -> np.ndarray:
    return np.random.RandomState(seed + 77).permutation(n)[: max(1, int(share * n))]


def target_in_other_words(seed: int) -> Asked:
    """The label once more, as a code."""
    frame = people(seed=seed)
    return _people(frame.assign(status=np.where(frame["leaves"] == "leaves", 7, 3)))


def target_in_another_unit(seed: int) -> Asked:
    """The price in another currency."""
    frame = houses(seed=seed)
    return _houses(frame.assign(price_nok=frame["price"] * 10.61 + 250))


def target_through_a_function(seed: int) -> Asked:
    """The logarithm of the price."""
    frame = houses(seed=seed)
    return _houses(frame.assign(level=np.log(frame["price"])))


def target_with_noise(seed: int) -> Asked:
    """The tax that was paid on the price, to within half a percent."""
    frame, r = houses(seed=seed), np.random.RandomState(seed)
    return _houses(frame.assign(tax=(frame["price"] * 0.025 * r.normal(1, 0.005, len(frame))).round(1)))


def label_with_slips(seed: int) -> Asked:
    """A field filled in once the answer was known, wrong in half a percent of the rows."""
    frame = people(seed=seed)
    code = np.where(frame["leaves"] == "leaves", "closed", "open")
    slips = _rows(len(frame), 0.004, seed)
    code[slips] = np.where(code[slips] == "open", "closed", "open")
    return _people(frame.assign(account=code))


def filled_in_afterwards(seed: int) -> Asked:
    """A reason that is given by those who left and by no one else."""
    frame, r = people(seed=seed), np.random.RandomState(seed)
    reason = np.where(frame["leaves"] == "leaves", r.choice(["price", "moved", "service"], len(frame)), "")
    return _people(frame.assign(reason=reason))


def numbers_by_label(seed: int) -> Asked:
    """Rows sorted by label and then numbered."""
    frame = people(seed=seed).sort_values("leaves", kind="stable").reset_index(drop=True)
    return _people(frame.assign(ticket_no=np.arange(20000, 20000 + len(frame))))


def rows_repeated(seed: int) -> Asked:
    """Every fifth row is there twice."""
    frame = people(seed=seed)
    return _people(pd.concat([frame, frame.iloc[_rows(len(frame), 0.2, seed)]], ignore_index=True))


def rows_repeated_with_rounding(seed: int) -> Asked:
    """Every fifth row is there twice, its numbers off by a trifle."""
    frame, r = houses(seed=seed), np.random.RandomState(seed)
    again = frame.iloc[_rows(len(frame), 0.2, seed)].copy()
    for name in ("area", "distance_km", "price"):
        again[name] = again[name] + frame[name].std() * r.normal(0, 3e-4, len(again))
    return _houses(pd.concat([frame, again], ignore_index=True))


def rows_repeated_under_new_numbers(seed: int) -> Asked:
    """Rows are there twice, each time with a row number of its own."""
    frame = people(seed=seed)
    frame = pd.concat([frame, frame.iloc[_rows(len(frame), 0.25, seed)]], ignore_index=True)
    return _people(frame.assign(record_id=np.random.RandomState(seed).permutation(len(frame)) + 1))


def patients(seed: int) -> Asked:
    """Several rows of each patient, whose age and blood group are the same in all."""
    r = np.random.RandomState(seed)
    who = np.repeat(np.arange(150), r.randint(3, 9, 150))
    ages, blood, trait = r.randint(20, 80, 150), r.choice(["A", "B", "AB", "0"], 150), r.normal(0, 1, 150)
    pulse = r.normal(70, 9, len(who)).round(1)
    ill = trait[who] + 0.03 * (pulse - 70) + r.normal(0, 0.4, len(who)) > 0
    frame = pd.DataFrame(
        {"patient": who + 100, "age": ages[who], "blood": blood[who], "pulse": pulse, "ill": np.where(ill, "yes", "no")}
    )
    return {"source": frame.sample(frac=1, random_state=seed).reset_index(drop=True), "targets": "ill"}


def one_value(seed: int) -> Asked:
    """A column with one value everywhere."""
    return _people(people(seed=seed).assign(country="Norway"))


def nearly_one_value(seed: int) -> Asked:
    """A column with one value nearly everywhere."""
    frame = houses(seed=seed)
    return _houses(frame.assign(storeys=np.where(np.arange(len(frame)) % 400 == 7, 3, 1)))


def inches(seed: int) -> Asked:
    """A height in centimetres and in inches, rounded."""
    frame = people(seed=seed)
    return _people(frame.assign(height_in=(frame["height_cm"] / 2.54).round(2)))


def city_codes(seed: int) -> Asked:
    """A city and its code."""
    frame = people(seed=seed)
    return _people(frame.assign(office=frame["city"].map({city: f"Z{7 * i}" for i, city in enumerate(CITIES)})))


def negative_ages(seed: int) -> Asked:
    """Some ages below nothing."""
    frame = people(seed=seed)
    frame.loc[_rows(len(frame), 0.006, seed), "age"] = -4
    frame.loc[_rows(len(frame), 0.003, seed), "age"] = -31
    return _people(frame)


def too_much_of_a_hundred(seed: int) -> Asked:
    """Percentages above a hundred."""
    frame, r = houses(seed=seed), np.random.RandomState(seed)
    share = r.beta(4, 3, len(frame)) * 100
    share[_rows(len(frame), 0.01, seed)] = 140.5
    return _houses(frame.assign(ownedPct=share.round(1)))


def minus_999(seed: int) -> Asked:
    """-999 where the income is not known."""
    frame = people(seed=seed)
    frame.loc[_rows(len(frame), 0.04, seed), "income"] = -999
    return _people(frame)


def far_9999(seed: int) -> Asked:
    """9999 where the distance is not known."""
    frame = houses(seed=seed)
    frame.loc[_rows(len(frame), 0.02, seed), "distance_km"] = 9999
    return _houses(frame)


def long_ago(seed: int) -> Asked:
    """1900-01-01 where the date is not known."""
    frame = people(seed=seed)
    frame.loc[_rows(len(frame), 0.03, seed), "joined"] = "1900-01-01"
    return _people(frame)


def days_to_come(seed: int) -> Asked:
    """Sales that have not been yet."""
    frame = houses(seed=seed)
    frame.loc[_rows(len(frame), 0.01, seed), "sold"] = "17.05.2091"
    return _houses(frame)


def few_leave(seed: int) -> Asked:
    """One label in a hundred rows."""
    frame = people(n=3000, seed=seed)
    leaving = np.flatnonzero(frame["leaves"] == "leaves")
    return _people(frame.drop(index=leaving[25:]).reset_index(drop=True))


def four_of_a_label(seed: int) -> Asked:
    """A third label in six rows."""
    frame = people(seed=seed)
    frame.loc[_rows(len(frame), 0.007, seed), "leaves"] = "unsure"
    return _people(frame)


def forty_rows(seed: int) -> Asked:
    """Forty rows in all."""
    return _people(people(n=40, seed=seed))


def more_columns_than_rows(seed: int) -> Asked:
    """Two hundred rows of ninety measures."""
    frame, r = houses(n=200, seed=seed), np.random.RandomState(seed)
    return _houses(pd.concat([pd.DataFrame(r.randn(200, 90), columns=[f"m{i}" for i in range(90)]), frame], axis=1))


def column_mostly_empty(seed: int) -> Asked:
    """A column that is filled in for every tenth row."""
    frame, r = people(seed=seed), np.random.RandomState(seed)
    return _people(frame.assign(rating=np.where(r.rand(len(frame)) < 0.1, r.normal(3, 1, len(frame)).round(1), np.nan)))


def rows_mostly_empty(seed: int) -> Asked:
    """Every twelfth row has hardly anything but the label."""
    frame = people(seed=seed).astype(object)
    frame.loc[_rows(len(frame), 0.08, seed), ["age", "income", "visits", "height_cm", "hours", "city"]] = None
    return _people(frame)


def new_cities(seed: int) -> Asked:
    """Test data from cities that training has not met."""
    test = people(n=200, seed=seed + 500)
    test.loc[_rows(200, 0.15, seed), "city"] = "Alta"
    return _people(people(seed=seed), test=test)


def weights_with_units(seed: int) -> Asked:
    """Numbers with separators and a unit."""
    frame, r = houses(seed=seed), np.random.RandomState(seed)
    return _houses(frame.assign(load=[f"{v:,.0f} kg" for v in r.gamma(5, 900, len(frame))]))


def euros(seed: int) -> Asked:
    """Amounts with the sign of a currency."""
    frame, r = people(seed=seed), np.random.RandomState(seed)
    return _people(frame.assign(spent=[f"€{v:.2f}" for v in r.gamma(2, 60, len(frame))]))


def dates_in_two_forms(seed: int) -> Asked:
    """Dates in two forms, so that neither is understood."""
    frame = people(seed=seed)
    days = pd.to_datetime(frame["joined"])
    return _people(
        frame.assign(joined=np.where(np.arange(len(frame)) % 3 > 0, days.dt.strftime("%Y-%m-%d"), days.dt.strftime("%b %d %Y")))
    )


def days_as_numbers(seed: int) -> Asked:
    """Dates as whole numbers: 20190231 would be the next after 20190131."""
    frame = people(seed=seed)
    return _people(frame.assign(joined=pd.to_datetime(frame["joined"]).dt.strftime("%Y%m%d").astype(int)))


def metres_among_centimetres(seed: int) -> Asked:
    """Some heights in metres."""
    frame = people(seed=seed)
    few = _rows(len(frame), 0.06, seed)
    frame.loc[few, "height_cm"] = (frame.loc[few, "height_cm"] / 100).round(3)
    return _people(frame)


def a_slip_of_the_point(seed: int) -> Asked:
    """Two areas ten thousand times too large."""
    frame = houses(seed=seed)
    frame.loc[_rows(len(frame), 0.0026, seed), "area"] *= 10_000
    return _houses(frame)


def streets(seed: int) -> Asked:
    """A column of words with hardly three rows each."""
    frame, r = houses(seed=seed), np.random.RandomState(seed)
    return _houses(frame.assign(street=[f"street {k}" for k in r.randint(0, 300, len(frame))]))


def answers_that_differ(seed: int) -> Asked:
    """Every tenth row is there again with the other label."""
    frame = people(seed=seed)
    again = frame.iloc[_rows(len(frame), 0.1, seed)].copy()
    again["leaves"] = np.where(again["leaves"] == "leaves", "stays", "leaves")
    return _people(pd.concat([frame, again], ignore_index=True))


def another_year(seed: int) -> Asked:
    """Test data from dearer times."""
    test = houses(n=250, seed=seed + 500)
    test["distance_km"] = test["distance_km"] * 1.8 + 1
    return _houses(houses(seed=seed), test=test)


def capitals(seed: int) -> Asked:
    """One label in two spellings."""
    frame = people(seed=seed)
    frame.loc[_rows(len(frame), 0.3, seed), "leaves"] = frame["leaves"].str.upper()
    return _people(frame)


def city_spellings(seed: int) -> Asked:
    """Cities with and without capitals."""
    frame = people(seed=seed)
    frame.loc[_rows(len(frame), 0.1, seed), "city"] = frame["city"].str.lower()
    return _people(frame)


def infinite_cells(seed: int) -> Asked:
    """A division by nothing."""
    frame = houses(seed=seed)
    frame.loc[list(WRONG_ROWS), "area"] = np.inf
    return _houses(frame)


def words_among_numbers(seed: int) -> Asked:
    """Some areas that were not known."""
    frame = houses(seed=seed).astype({"area": str})
    frame.loc[list(WRONG_ROWS), "area"] = "not known"
    return _houses(frame)


# what was planted, the code that must find it, and the column that must be named ("" for rows and labels)
FAULTS = (
    (target_in_other_words, "target-copy", "status"),
    (target_in_another_unit, "target-copy", "price_nok"),
    (target_through_a_function, "target-copy", "level"),
    (target_with_noise, "target-leak", "tax"),
    (label_with_slips, "target-leak", "account"),
    (filled_in_afterwards, "target-leak", "reason"),
    (numbers_by_label, "identifier-predicts", "ticket_no"),
    (rows_repeated, "copies-across-parts", ""),
    (rows_repeated_with_rounding, "near-copies-across-parts", ""),
    (rows_repeated_under_new_numbers, "copies-across-parts", ""),
    (patients, "group-column", "patient"),
    (one_value, "constant-column", "country"),
    (nearly_one_value, "near-constant-column", "storeys"),
    (inches, "duplicate-column", "height_in"),
    (city_codes, "duplicate-column", "office"),
    (negative_ages, "impossible-value", "age"),
    (too_much_of_a_hundred, "impossible-value", "ownedPct"),
    (minus_999, "sentinel-value", "income"),
    (far_9999, "sentinel-value", "distance_km"),
    (long_ago, "sentinel-value", "joined"),
    (days_to_come, "future-dates", "sold"),
    (few_leave, "class-imbalance", ""),
    (four_of_a_label, "rare-labels", "unsure"),
    (forty_rows, "too-few-rows", ""),
    (more_columns_than_rows, "too-few-rows", ""),
    (column_mostly_empty, "missing-column", "rating"),
    (rows_mostly_empty, "missing-rows", ""),
    (new_cities, "unseen-categories", "city"),
    (weights_with_units, "numbers-as-text", "load"),
    (euros, "numbers-as-text", "spent"),
    (dates_in_two_forms, "dates-as-text", "joined"),
    (days_as_numbers, "dates-as-numbers", "joined"),
    (metres_among_centimetres, "mixed-units", "height_cm"),
    (a_slip_of_the_point, "outliers", "area"),
    (streets, "high-cardinality", "street"),
    (answers_that_differ, "conflicting-labels", ""),
    (another_year, "drift", "distance_km"),
    (capitals, "label-spelling", ""),
    (city_spellings, "spelling", "city"),
)

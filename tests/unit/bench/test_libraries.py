"""The comparison compares like with like."""

import numpy as np

from trader.bench.libraries import compare_with_libraries, compiled_of, fit_seconds, made_up
from trader.training.ensemble import StackedEnsemble
from trader.training.profiles import PROFILES


def test_both_sides_of_the_comparison_predict_the_same() -> None:
    X, y = made_up(300)
    ensemble = StackedEnsemble("quick", n_splits=1).fit(X, y)
    compiled = compiled_of(ensemble, X)
    np.testing.assert_allclose(compiled.predict(X), ensemble.predict(X), rtol=0, atol=1e-6)
    np.testing.assert_allclose(compiled.win_probability(X), ensemble.win_probability(X), rtol=0, atol=1e-5)
    for one, other in zip(compiled.predict_with_confidence(X), ensemble.predict_with_confidence(X), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def test_the_comparison_names_its_numbers() -> None:
    found = compare_with_libraries("quick", 200, calls=6)
    assert found["ensemble"]["trees"] == 60 + 60 + 60 + 40 + 40
    assert found["ratio_1"]["p50"] == found["libraries_1"]["p50_us"] / found["compiled_1"]["p50_us"]
    assert found["compiled_20"]["p99_us"] >= found["compiled_20"]["p50_us"] > 0


def test_fits_are_timed_per_member() -> None:
    assert set(fit_seconds("quick", 200)) == set(PROFILES["quick"].members)

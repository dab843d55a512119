"""A fitted ensemble around one fitted member, without the folds that would choose its stack and calibrator."""

from typing import Any

import numpy as np

from trader.training.calibration import Calibrator
from trader.training.ensemble import StackedEnsemble
from trader.training.stack import Stack


def of_one(name: str, model: Any, n_features: int) -> StackedEnsemble:
    """It predicts what `model` predicts, and one half as the chance to win."""
    ensemble = StackedEnsemble(members={name: model})
    ensemble.members_, ensemble.n_features_in_ = {name: model}, n_features
    ensemble.stack_, ensemble.calibrator_ = Stack("mean", np.ones(1), 0.0), Calibrator(0, np.zeros(0), np.array([0.5]))
    ensemble.two_sided_ = False
    return ensemble

"""Labels, splits, the stacked ensemble and its calibration. The only room with learning libraries; never live."""

from trader.training.ensemble import StackedEnsemble
from trader.training.progress import TrainingProgress

__all__ = ["StackedEnsemble", "TrainingProgress"]

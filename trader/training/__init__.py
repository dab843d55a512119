"""Labels, splits, the stacked ensemble and its calibration. The only room with learning libraries; never live.

fit          from candles to a model file: puts the others together
dataset      rows of many symbols; `labels` what is learned; `splits` purged folds
ensemble     six learners (`members`, `profiles`, `learn`), stacked (`stack`) and calibrated (`calibration`)
evaluate     what the predictions would have earned; `baselines` what has to be beaten
compile      from fitted libraries to flat arrays; `flatten` their trees
card         the model card; `card_html` as a page
checkpoint   finished folds on disk; `progress` how far a training is
tune         a search for parameters

Begin with `fit`.
"""

from trader.training.ensemble import StackedEnsemble
from trader.training.progress import TrainingProgress

__all__ = ["StackedEnsemble", "TrainingProgress"]

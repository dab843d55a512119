"""What runs live: the compiled ensemble and its artefact. numpy and numba only.

compiled    the ensemble that trades; `arrays` its numbers, `kernels` its steps, `warm` compiling them ahead of time
artefact    a model in one file, never a pickle
gate        whether a model may trade real money; `statistics` what it judges by
card        what a model card says; `card_text` the same on a terminal
drift       has the market moved away from training (`reference`), or the model's honesty
shadow      a challenger beside the champion
synthetic   a made-up ensemble for benches

Begin with `compiled`.
"""

from trader.models.compiled import CompiledEnsemble, RowForecast
from trader.models.warm import compile_kernels

__all__ = ["CompiledEnsemble", "RowForecast", "compile_kernels"]

"""What runs live: the compiled ensemble and its artefact. numpy and numba only."""

from trader.models.compiled import CompiledEnsemble, RowForecast
from trader.models.warm import compile_kernels

__all__ = ["CompiledEnsemble", "RowForecast", "compile_kernels"]

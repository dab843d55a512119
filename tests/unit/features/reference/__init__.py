"""Every column once more, slowly, from its formula in the catalogue: plain numpy, window by window.

Shares no code with the kernels.
"""

from tests.unit.features.reference.past import Past, Reference
from tests.unit.features.reference.prices import MOMENTUM, PRICE_ACTION, TREND
from tests.unit.features.reference.risk import MICROSTRUCTURE, VOLATILITY, VOLUME
from tests.unit.features.reference.shapes import CANDLESTICKS, STATISTICS, TIME, higher

__all__ = ["REFERENCES", "Past", "Reference"]

REFERENCES: dict[str, Reference] = {
    **PRICE_ACTION,
    **MOMENTUM,
    **VOLATILITY,
    **VOLUME,
    **TREND,
    **higher("15m", 15),
    **higher("1h", 60),
    **MICROSTRUCTURE,
    **STATISTICS,
    **CANDLESTICKS,
    **TIME,
}

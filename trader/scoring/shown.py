"""The feature columns that strategies ask for, at a close and at the one before."""

from collections.abc import Mapping, Sequence

import msgspec

from trader.domain.candle_arrays import Floats
from trader.domain.market import Candle, timeframe_ms
from trader.domain.signals import Forecast
from trader.features import FeatureSet

_KEPT = 3  # closes: one may be looked at before it is done


class Shown:
    """Remembers the newest values of what each symbol's strategy wants (`wanted`: symbol -> names). One writer."""

    def __init__(self, features: FeatureSet, wanted: Mapping[str, Sequence[str]]) -> None:
        columns = features.columns
        self._columns = {s: [(name, columns.index(name)) for name in names] for s, names in wanted.items() if names}
        self._candle_ms = timeframe_ms(features.timeframe)
        self._values: dict[str, dict[int, dict[str, float]]] = {symbol: {} for symbol in self._columns}

    def remember(self, candle: Candle, row: Floats) -> None:
        """Take the row (n_columns,) of a close."""
        columns = self._columns.get(candle.symbol)
        if columns is None:
            return
        values = self._values[candle.symbol]
        values[candle.open_ms] = {name: float(row[index]) for name, index in columns}
        while len(values) > _KEPT:
            del values[min(values)]

    def added(self, forecast: Forecast) -> Forecast:
        """`forecast` with what its symbol's strategy wants to see."""
        values = self._values.get(forecast.symbol)
        if values is None:
            return forecast
        now, before = values.get(forecast.candle_open_ms), values.get(forecast.candle_open_ms - self._candle_ms)
        return msgspec.structs.replace(forecast, features=now or {}, features_before=before or {})


def groups_of(features: FeatureSet, wanted: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The groups of `features` that hold wanted columns."""
    names = {name for each in wanted.values() for name in each}
    needed = {column.group for column in features.catalogue if column.name in names}
    return tuple(group for group in features.groups if group in needed)

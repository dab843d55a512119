"""Every column of the pipeline in order: what `trader features` prints and what a model is bound to."""

import hashlib
from collections.abc import Iterable

import msgspec

from trader.domain.errors import Misconfigured
from trader.domain.market import timeframe_ms
from trader.features.columns import Feature
from trader.features.families import (
    averages,
    calendar_time,
    candlesticks,
    dependence,
    higher,
    microstructure,
    momentum,
    price_action,
    statistics,
    trend,
    variance,
    volatility,
    volume,
    volume_profile,
)
from trader.features.groups import registry

DEFAULT_HIGHER = ("15m", "1h")
"""Higher timeframes unless configured otherwise; for base candles above 15m the two next of the ladder."""

MOST_HIGHER = 4

_LADDER = ("15m", "1h", "4h", "1d", "3d")

REVISION = 1
"""Raised when a kernel comes to mean something else while its catalogue entry reads the same."""

BASE_WARM_UP = 2_000
"""Candles after which the start of the series matters less than 1e-6 standard deviations in any base feature."""


def default_higher(timeframe: str) -> tuple[str, str]:
    """The two higher timeframes used with base candles of `timeframe`."""
    base = timeframe_ms(timeframe)
    fitting = [name for name in _LADDER if timeframe_ms(name) % base == 0]
    if len(fitting) < 2:
        raise Misconfigured(f"timeframe {timeframe!r} has no default higher timeframes; name two multiples of it")
    return fitting[0], fitting[1]


def check_higher(timeframe: str, higher_timeframes: tuple[str, ...] | None) -> tuple[str, ...]:
    """The higher timeframes to use; raises `Misconfigured` unless they are one to four multiples of the base."""
    if higher_timeframes is None:
        return default_higher(timeframe)
    base, count = timeframe_ms(timeframe), len(higher_timeframes)
    is_odd = len(set(higher_timeframes)) < count or any(timeframe_ms(name) % base for name in higher_timeframes)
    if is_odd or not 1 <= count <= MOST_HIGHER:
        given = ", ".join(higher_timeframes) or "none"
        raise Misconfigured(f"higher_timeframes {given}: one to four multiples of {timeframe} that differ are needed")
    return higher_timeframes


def warm_up(timeframe: str, higher_timeframes: tuple[str, ...] | None = None) -> int:
    """Candles that give no row: the base warm-up, or until the higher candles that inputs need have closed."""
    longest = max(timeframe_ms(name) for name in check_higher(timeframe, higher_timeframes))
    return max(BASE_WARM_UP, (higher.CLOSED_NEEDED + 1) * (longest // timeframe_ms(timeframe)))


GROUPS = registry.names()
"""Optional columns that need more than the symbol's own candles, in the order they follow the base columns."""


def check_groups(groups: Iterable[str]) -> tuple[str, ...]:
    """`groups` in catalogue order; raises `Misconfigured` for one that does not exist."""
    return tuple(group.name for group in registry.chosen(groups))


def catalogue(higher_timeframes: tuple[str, ...] = DEFAULT_HIGHER, groups: tuple[str, ...] = ()) -> tuple[Feature, ...]:
    """All columns in order, those of the higher timeframes named after them (`rsi_15m`), those of `groups` last."""
    return (
        *price_action.COLUMNS.features,
        *momentum.COLUMNS.features,
        *averages.COLUMNS.features,
        *volatility.COLUMNS.features,
        *variance.COLUMNS.features,
        *volume.COLUMNS.features,
        *volume_profile.COLUMNS.features,
        *trend.COLUMNS.features,
        *(feature for timeframe in higher_timeframes for feature in _of_timeframe(timeframe)),
        *microstructure.COLUMNS.features,
        *statistics.COLUMNS.features,
        *dependence.COLUMNS.features,
        *candlesticks.COLUMNS.features,
        *calendar_time.COLUMNS.features,
        *(feature for group in registry.chosen(groups) for feature in group.columns),
    )


def _of_timeframe(timeframe: str) -> list[Feature]:
    return [
        msgspec.structs.replace(
            feature,
            name=f"{feature.name}_{timeframe}",
            formula=f"{feature.formula} ({timeframe} candles)",
        )
        for feature in higher.COLUMNS.features
    ]


def column_names(higher_timeframes: tuple[str, ...] = DEFAULT_HIGHER, groups: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names of all columns in order."""
    return tuple(feature.name for feature in catalogue(higher_timeframes, groups))


def model_inputs(higher_timeframes: tuple[str, ...] = DEFAULT_HIGHER, groups: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names of the columns a model sees, in order."""
    return tuple(feature.name for feature in catalogue(higher_timeframes, groups) if feature.is_input)


def feature_set_hash(higher_timeframes: tuple[str, ...] = DEFAULT_HIGHER, groups: tuple[str, ...] = ()) -> str:
    """Identity of the definitions: names, order, formulas, lookbacks. A model fits exactly one."""
    definitions = [
        (feature.name, feature.formula, feature.lookback, feature.is_input)
        for feature in catalogue(higher_timeframes, groups)
    ]
    return hashlib.blake2b(msgspec.json.encode((REVISION, definitions)), digest_size=16).hexdigest()


CATALOGUE: tuple[Feature, ...] = catalogue()
COLUMNS: tuple[str, ...] = column_names()
MODEL_INPUTS: tuple[str, ...] = model_inputs()
FEATURE_SET_HASH: str = feature_set_hash()
WARM_UP = BASE_WARM_UP

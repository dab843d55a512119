"""What a model card says. Made by `training.card`, kept as JSON beside the model, shown without learning libraries."""

import msgspec

from trader.domain.reasons import with_codes
from trader.domain.signals import ModelInfo, ModelVerdict
from trader.models.gate import GateResult


class CalibrationReport(msgspec.Struct, frozen=True):
    """Measured on folds the calibrator had not seen."""

    kind: str
    ece: float  # expected calibration error, 10 bins of equal count
    brier: float
    brier_base: float  # of the base rate of the earlier folds
    skill: float  # 1 - brier / brier_base
    skill_t: float  # block-clustered t of the outcome's slope on the score
    no_edge: bool
    bins: tuple[tuple[float, float, int], ...]  # (mean probability, share of wins, count)


class Share(msgspec.Struct, frozen=True):
    """The information coefficient of one slice of the tested rows; `error` is block-clustered, None if unknown."""

    name: str
    ic: float
    error: float | None
    rows: int


class Curve(msgspec.Struct, frozen=True):
    """Cumulated returns per calendar day, every symbol trading an equal share of the capital."""

    name: str
    days: tuple[str, ...]  # "2025-03-01"
    gross: tuple[float, ...]
    net: tuple[float, ...]


class Rival(msgspec.Struct, frozen=True):
    """The model or a baseline, judged by the same rules."""

    name: str
    ic: float
    slope_t: float
    trades: int
    net_trade_bps: float
    gross_trade_bps: float
    top_trades: int
    top_net_trade_bps: float
    verdict: ModelVerdict


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a card shows; HTML and text are made from this alone."""

    info: ModelInfo
    profile: str
    summary: str
    symbols: tuple[str, ...]
    first: str
    last: str
    rows: int
    tested_rows: int
    cost_bps: float  # mean round trip that was charged
    scores: dict[str, float]
    stack: str
    stack_weights: dict[str, float]
    stack_ic: dict[str, float]
    member_ic: dict[str, float]
    fold_ic: tuple[float, ...]
    calibration: CalibrationReport
    gate: GateResult
    by_month: tuple[Share, ...]
    by_symbol: tuple[Share, ...]
    by_regime: tuple[Share, ...]
    importance: dict[str, float]
    rivals: tuple[Rival, ...]
    curves: tuple[Curve, ...]
    libraries: dict[str, str]


def read_card(stored: bytes) -> Card:
    """A card as it was kept (JSON), by this version or one before. Raises `msgspec.MsgspecError` if it is none."""
    return msgspec.convert(with_codes(msgspec.json.decode(stored)), Card)

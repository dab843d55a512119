"""What was known when it was decided: forecast, votes of the members, costs, market."""

from trader.domain.reasons import Code
from trader.domain.signals import CONTEXT_COLUMNS, DecisionRecord
from trader.domain.units import BPS
from trader.domain.workings import Inputs
from trader.service.explaining.lines import Line, Section
from trader.service.explaining.wording import number, price


def known(record: DecisionRecord) -> Section:
    """The forecast and the market."""
    lines = [Line("forecast", _forecast(record)), Line("model", _model(record))]
    if record.workings is not None:
        lines += _market(record, record.workings.inputs)
    else:
        lines.append(Line("regime", record.regime.value.replace("_", " ")))
        lines.append(Line("costs", f"{record.cost_bps:.1f} bp a round trip"))
    return Section("What was known", tuple(line for line in lines if line.text))


def votes(record: DecisionRecord) -> Section:
    """What each member of the ensemble said by itself; no line where nothing was kept of it."""
    members = record.workings.inputs.members if record.workings is not None and _is_said(record) else {}
    lines = [Line(name.replace("_", " "), f"{value:+.3%}") for name, value in members.items()]
    if not lines or record.prediction == 0:
        return Section("How the members voted", tuple(lines))
    same = sum(value * record.prediction > 0 for value in members.values())
    total = Line("together", f"{record.prediction:+.3%}, {same} of {len(members)} on its side")
    return Section("How the members voted", (*lines, total))


def _forecast(record: DecisionRecord) -> str:
    if not _is_said(record):
        return "none that could be used"
    words = [f"{record.prediction:+.3%} expected", f"win probability {record.win_probability:.1%}"]
    inputs = None if record.workings is None else record.workings.inputs
    if inputs is not None:
        words.append(f"confidence {inputs.confidence:.2f}")
    if inputs is not None and inputs.slope is not None:
        words.append(f"x slope {inputs.slope:.2f} = an edge of {abs(record.prediction) * inputs.slope * BPS:.1f} bp")
    return ", ".join(words)


def _is_said(record: DecisionRecord) -> bool:
    """Whether the forecast's numbers mean anything."""
    is_silent = any(reason.code in (Code.NO_FORECAST, Code.FORECAST_UNUSABLE) for reason in record.reasons)
    return record.prediction == record.prediction and not is_silent


def _model(record: DecisionRecord) -> str:
    seen = f", features {record.feature_hash}" if record.feature_hash else ""
    strategy = f"strategy {record.strategy_id}"
    return f"{record.model_id}{seen}, {strategy}" if record.model_id else strategy


def _market(record: DecisionRecord, inputs: Inputs) -> list[Line]:
    seen = dict(zip(CONTEXT_COLUMNS, inputs.context, strict=False))
    close = seen["close"]
    away = close / seen["sma_50"] - 1 if seen["sma_50"] else 0.0
    regime = (
        f"{record.regime.value.replace('_', ' ')} (ADX {seen['adx']:.1f}, close {away:+.2%} from its 50-candle mean, "
        f"volatility {seen['hist_vol_20']:.0%} a year)"
    )
    lines = [Line("regime", regime)]
    atr = f"ATR {number(seen['atr_14'] / close, 'bp')}" if close else ""
    if inputs.bid is not None and inputs.ask is not None:
        spread = (inputs.ask - inputs.bid) / ((inputs.ask + inputs.bid) / 2)
        lines.append(
            Line(
                "market",
                f"{price(inputs.bid)} / {price(inputs.ask)}, spread {number(spread, 'bp')}, {atr}, "
                f"book of {inputs.levels} levels",
            )
        )
    if inputs.cost_frac is not None and inputs.fee_frac is not None and inputs.funding_frac is not None:
        spread = inputs.cost_frac - inputs.fee_frac - inputs.funding_frac
        parts = f"fees {inputs.fee_frac * BPS:.1f}, spread {spread * BPS:.1f}, funding {inputs.funding_frac * BPS:.1f}"
        lines.append(Line("costs", f"{inputs.cost_frac * BPS:.1f} bp a round trip: {parts}"))
    if inputs.bar_factor != 1.0:
        lines.append(Line("cost budget", f"the bar of an entry x {inputs.bar_factor:.2f}: costs ate too much before"))
    return lines

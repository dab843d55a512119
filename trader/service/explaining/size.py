"""From the bet to the quantity: each factor, each cap, and how the rest was carried to the market."""

import math

from trader.domain.reasons import Code
from trader.domain.signals import DecisionRecord
from trader.domain.sizing import SizeFactors
from trader.domain.units import BPS
from trader.domain.workings import Cap, Carriage, SizeStory
from trader.service.explaining.lines import Line, Mark, Section
from trader.service.explaining.wording import amount, money

_FACTORS = (
    ("uncertainty", "a new model's edge, at its lower bound"),
    ("correlation", "shared with what moves together"),
    ("volatility", "by ATR / price"),
    ("exposure", "by what is held already"),
    ("regime", "of the regime, or as the strategy says"),
)
_LATER = (
    ("overlay", "for the portfolio as a whole"),
    ("override", "by a person, or the model's health"),
    ("part", "the part that is bought now"),
    ("book", "as much as the book carries"),
)

_NAMES = {code.value: code.text for code in Code}

_SHOWN = 0.005  # nearer to 1 is what rounding to the step took


def sized(record: DecisionRecord) -> Section:
    """From the bet to what was bought. Nothing where it was not sized."""
    story = record.workings.size if record.workings is not None else None
    if story is None:
        return Section("The size", ())
    lines = [Line("equity", f"{money(story.equity_quote)}, stop {story.stop_frac:.2%} away")]
    factors = story.factors
    if factors is not None:
        lines += _bet(factors)
        wanted = factors.wanted_frac * story.equity_quote / story.stop_frac
        lines.append(Line("= wanted", f"{factors.wanted_frac:.2%} of equity at the stop: worth {money(wanted)}"))
    lines += _caps(story)
    if factors is not None:
        lines += _factors(factors, _LATER)
        lines.append(Line("= bought", _bought(record, story, factors)))
    return Section("The size", tuple(lines))


def carried(record: DecisionRecord) -> Section:
    """Which algorithm, and why."""
    way = record.workings.carriage if record.workings is not None else None
    if way is None:
        return Section("The way to the market", ())
    paid = f"{way.entry_cost_frac * BPS:.1f} bp modelled: fee, half the spread, impact"
    return Section("The way to the market", (Line("algorithm", _algorithm(way)), Line("getting in", paid)))


def _bet(factors: SizeFactors) -> list[Line]:
    bet = f"{factors.bet_frac:.2%} of equity"
    if factors.kelly_frac is not None and factors.win_probability is not None and factors.win_loss is not None:
        lines = [
            Line(
                "Kelly",
                f"f* {factors.kelly_frac:.2%} at win probability {factors.win_probability:.1%} "
                f"and win / loss {factors.win_loss:.2f}; in its share and clamp {bet}",
            )
        ]
    else:
        whose = "as the strategy says" if factors.rule == "own" else f"sizing.rule: {factors.rule}"
        lines = [Line("bet", f"{bet}, {whose}")]
    return [*lines, *_factors(factors, _FACTORS)]


def _factors(factors: SizeFactors, names: tuple[tuple[str, str], ...]) -> list[Line]:
    """Those that have a say."""
    told = ((name, words, float(getattr(factors, name))) for name, words in names)
    return [Line(f"x {name}", f"{value:.2f} {words}") for name, words, value in told if abs(value - 1) >= _SHOWN]


def _caps(story: SizeStory) -> list[Line]:
    cut = [cap for cap in story.caps if cap.has_cut]
    lines = [Line(_cap_name(cap), f"{_left(cap)}: cut to it", Mark.ALSO_NO) for cap in cut]
    free = ", ".join(f"{_cap_name(cap)} {money(cap.left_quote)}" for cap in story.caps if not cap.has_cut)
    return [*lines, Line("other caps leave", free)] if free else lines


def _left(cap: Cap) -> str:
    used = f", {money(cap.used_quote)} of it used" if cap.used_quote else ""
    return f"at most {money(cap.left_quote)} (limit {money(cap.most_quote)}{used})"


def _cap_name(cap: Cap) -> str:
    return _NAMES.get(cap.code, cap.code).replace("_", " ")


def _bought(record: DecisionRecord, story: SizeStory, factors: SizeFactors) -> str:
    quantity = amount(record.quantity) if record.quantity is not None else "nothing"
    worth = "" if record.quantity is None else f", worth {money(float(record.quantity) * story.price)} at most"
    part = f", part {story.part} of {story.parts}" if story.parts > 1 else ""
    whole = "" if factors.kelly_multiple is None else f"; the whole position is {factors.kelly_multiple:.2f} of Kelly"
    return f"{quantity}{worth}, {factors.risk_frac:.2%} of equity at the stop{part}{whole}"


def _algorithm(way: Carriage) -> str:
    below, above = f"{way.market_below_frac * BPS:.1f} bp", f"{way.split_above_frac * BPS:.1f} bp"
    if math.isinf(way.impact_frac):
        return f"{way.algorithm}: the quantity is more than the book shows"
    impact = f"an impact of {way.impact_frac * BPS:.1f} bp"
    return f"{way.algorithm}: {impact} (market below {below}, split above {above}, a resting limit between)"

"""The model card on a terminal: plain lines, no colour, 100 columns."""

import textwrap
from collections.abc import Iterable, Sequence

from trader.domain.units import BPS
from trader.models.card import Card, Share


def card_text(card: Card) -> str:
    """The whole card as text."""
    parts = [
        [f"model {card.info.model_id}", "", *_wrapped(card.summary), ""],
        _facts(card),
        ["", "against simple rules (same rows, folds, costs)", *_rivals(card)],
        ["", "information coefficient by symbol", *_shares(card.by_symbol)],
        ["", "by month", *_shares(card.by_month)],
        ["", "by regime", *_shares(card.by_regime)],
        ["", "members out of fold", *_members(card)],
        ["", "calibration (10 bins of equal count, folds the calibrator had not seen)", *_calibration(card)],
        ["", "features that matter most", *_importance(card)],
    ]
    return "\n".join(line for part in parts for line in part)


def comparison_text(cards: Sequence[Card]) -> str:
    """Models side by side, one line each; compare only models that were tested on the same days."""
    head = ("model", "tested", "IC", "slope t", "skill t", "trades", "net bp", "low bp a day", "verdict")
    rows = [
        (
            card.info.model_id,
            f"{card.first} to {card.last}",
            f"{card.scores['ic']:+.4f}",
            f"{card.info.slope_t:+.2f}",
            f"{card.scores['skill_t']:+.2f}",
            f"{card.gate.trades}",
            f"{card.gate.mean_trade_bps:+.1f}" if card.gate.trades else "-",
            "-" if card.gate.day_return_low is None else f"{card.gate.day_return_low * BPS:+.1f}",
            card.info.verdict,
        )
        for card in cards
    ]
    return "\n".join(line[2:] for line in _table([head, *rows]))


def _facts(card: Card) -> list[str]:
    info, gate, scores = card.info, card.gate, card.scores
    return _aligned(
        (
            ("trained on", f"{card.rows:,} rows of {len(card.symbols)} symbols, {card.first} to {card.last}"),
            ("tested on", f"{card.tested_rows:,} later rows (purged walk-forward)"),
            (
                "label",
                f"{info.timeframe} candles, {info.horizon_candles} ahead; round trip costs {card.cost_bps:.1f} bp",
            ),
            ("profile", f"{card.profile}, stack {card.stack}"),
            (
                "out of fold",
                f"IC {scores['ic']:+.4f} ± {scores['ic_error']:.4f}, R2 {scores['r2']:+.2%}, AUC {scores['auc']:.3f}",
            ),
            ("slope", f"realised on predicted, shrunk: {info.slope:.3f} (t {info.slope_t:+.2f})"),
            (
                "barrier",
                f"wins {info.base_rate:.1%}, on average {info.average_win_frac:.2%}; "
                f"loses {info.average_loss_frac:.2%} on average",
            ),
            (
                "probability",
                f"ECE {scores['ece']:.3f}, Brier {scores['brier']:.4f}, of the base rate {scores['brier_base']:.4f}",
            ),
            ("skill", f"{scores['skill']:+.2%} (t {scores['skill_t']:+.2f})" + (": no edge" if info.no_edge else "")),
            (
                "trades",
                f"{gate.trades} on {gate.active_days} days ({gate.effective_days:.0f} effective) of {gate.days}",
            ),
            ("verdict", info.verdict),
            *(("", str(reason)) for reason in info.reasons),
        )
    )


def _rivals(card: Card) -> list[str]:
    head = ("", "IC", "slope t", "trades", "net bp", "gross bp", "top 5% trades", "net bp")
    rows = [
        (
            rival.name,
            f"{rival.ic:+.4f}",
            f"{rival.slope_t:+.2f}",
            f"{rival.trades}",
            f"{rival.net_trade_bps:+.1f}" if rival.trades else "-",
            f"{rival.gross_trade_bps:+.1f}" if rival.trades else "-",
            f"{rival.top_trades}",
            f"{rival.top_net_trade_bps:+.1f}" if rival.top_trades else "-",
        )
        for rival in card.rivals
    ]
    return _table([head, *rows])


def _shares(shares: Sequence[Share]) -> list[str]:
    rows = [
        (one.name, f"{one.ic:+.4f}", "" if one.error is None else f"± {one.error:.4f}", f"{one.rows:,} rows")
        for one in shares
    ]
    return _table(rows)


def _members(card: Card) -> list[str]:
    rows = [(name, f"{ic:+.4f}", f"weight {card.stack_weights[name]:+.3f}") for name, ic in card.member_ic.items()]
    return _table([*rows, *((f"stacked: {name}", f"{ic:+.4f}", "later folds") for name, ic in card.stack_ic.items())])


def _calibration(card: Card) -> list[str]:
    return _table(
        [(f"said {said:.1%}", f"won {won:.1%}", f"{count:,} rows") for said, won, count in card.calibration.bins]
    )


def _importance(card: Card) -> list[str]:
    largest = max(card.importance.values(), default=1.0) or 1.0
    rows = [(name, f"{share:.2%}") for name, share in card.importance.items()]
    bars = ["#" * round(30 * share / largest) for share in card.importance.values()]
    return [f"{line}  {bar}" for line, bar in zip(_table(rows), bars, strict=True)]


def _aligned(facts: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  {name:<12} {value}" for name, value in facts]


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 100)

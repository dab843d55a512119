"""The model card as one HTML file with plots; needs no network to read."""

from html import escape
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped] # ships no types

from trader.domain.signals import ModelVerdict
from trader.models.card import Card, Share
from trader.models.card_text import card_text

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222; }}
h1 {{ font-size: 1.3em; }} .summary {{ font-size: 1.1em; border-left: 4px solid {colour}; padding-left: 1em; }}
pre {{ background: #f6f6f6; padding: 1em; overflow-x: auto; font-size: 12.5px; line-height: 1.35; }}
.plots {{ display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1em; }}
@media (max-width: 900px) {{ .plots {{ grid-template-columns: minmax(0, 1fr); }} }}
</style></head><body>
<h1>Model {title}</h1>
<p class="summary">{summary}</p>
<div class="plots">{plots}</div>
<h2>Everything in numbers</h2>
<pre>{text}</pre>
</body></html>
"""
CONFIG = {"displayModeBar": False, "responsive": True}
BLUE, GREY, RED, GREEN = "#2b6cb0", "#999999", "#c0392b", "#2e8b57"


def card_html(card: Card) -> str:
    """The whole page; about 5 MB, most of it the plotting library."""
    figures = [
        _equity(card),
        _calibration(card),
        _bars("IC by month", card.by_month),
        _bars("IC by symbol", card.by_symbol),
        _bars("IC by regime", card.by_regime),
        _importance(card),
    ]
    parts = [
        figure.to_html(full_html=False, include_plotlyjs=number == 0, default_height="380px", config=CONFIG)
        for number, figure in enumerate(figures)
    ]
    return PAGE.format(
        title=escape(card.info.model_id),
        colour=GREEN if card.info.verdict is ModelVerdict.TRADE else RED,
        summary=escape(card.summary),
        plots="\n".join(f"<div>{part}</div>" for part in parts),
        text=escape(card_text(card)),
    )


def _equity(card: Card) -> Any:
    figure = _figure("Out-of-sample return, cumulated (equal share per symbol)")
    for curve in card.curves:
        is_model = curve.name.startswith("model")
        style = {"name": f"{curve.name}: net", "mode": "lines", "x": curve.days}
        figure.add_scatter(**style, y=curve.net, visible=True if is_model else "legendonly")
        if is_model:
            figure.add_scatter(**{**style, "name": f"{curve.name}: gross"}, y=curve.gross, line={"dash": "dot"})
    figure.update_xaxes(type="date")
    figure.update_yaxes(tickformat=".1%")
    if not card.curves:
        figure.add_annotation(text="no trade was worth its costs", showarrow=False, font={"size": 16})
    return figure


def _calibration(card: Card) -> Any:
    said = [bin_[0] for bin_ in card.calibration.bins]
    won = [bin_[1] for bin_ in card.calibration.bins]
    figure = _figure(f"Win probability: said and seen (ECE {card.calibration.ece:.3f})")
    low, high = min([*said, *won]), max([*said, *won])
    figure.add_scatter(x=[low, high], y=[low, high], mode="lines", name="perfect", line={"color": GREY, "dash": "dot"})
    figure.add_scatter(x=said, y=won, mode="markers+lines", name="bins", marker={"color": BLUE, "size": 9})
    figure.add_hline(y=card.info.base_rate, line={"color": RED, "width": 1}, annotation_text="base rate")
    figure.update_xaxes(title="said", tickformat=".0%")
    figure.update_yaxes(title="seen", tickformat=".0%")
    return figure


def _bars(title: str, shares: tuple[Share, ...]) -> Any:
    figure = _figure(title)
    errors = [2 * one.error if one.error is not None else 0.0 for one in shares]
    figure.add_bar(
        x=[one.name for one in shares],
        y=[one.ic for one in shares],
        error_y={"array": errors, "color": GREY},
        marker_color=BLUE,
        customdata=[one.rows for one in shares],
        hovertemplate="%{x}: %{y:.4f}, %{customdata} rows<extra></extra>",
    )
    figure.update_xaxes(type="category")
    return figure


def _importance(card: Card) -> Any:
    figure = _figure("What the members look at")
    names = list(card.importance)[::-1]
    figure.add_bar(x=[card.importance[name] for name in names], y=names, orientation="h", marker_color=BLUE)
    figure.update_xaxes(tickformat=".1%")
    figure.update_yaxes(dtick=1, tickfont={"size": 9})
    return figure


def _figure(title: str) -> Any:
    return go.Figure(
        layout={
            "title": {"text": title, "font": {"size": 14}},
            "template": "plotly_white",
            "margin": {"l": 60, "r": 20, "t": 50, "b": 40},
            "legend": {"orientation": "h", "y": -0.15, "font": {"size": 10}},
        }
    )

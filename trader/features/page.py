"""The documentation page, written from the catalogue so that it cannot disagree with it."""

from itertools import groupby
from math import isinf

from trader.features.catalogue import BASE_WARM_UP, CATALOGUE, DEFAULT_HIGHER, GROUPS, MODEL_INPUTS, catalogue
from trader.features.families.higher import CLOSED_NEEDED
from trader.features.groups.registry import REGISTRY

_ABOUT_GROUPS = "\n".join(f"- `{group.name}` {group.about}" for group in REGISTRY)

_HEAD = f"""# Features

Written from the catalogue by `python -m trader.features.page`; `trader features` prints the same.

{len(CATALOGUE)} columns, of which a model sees {len(MODEL_INPUTS)}. The others are published for people and for the
strategy's rules: levels of price and volume, and sums that depend on where the series started.

- A row describes the market at the close of its candle. No column uses anything later.
- The first {BASE_WARM_UP:,} candles give no row (NaN in a batch, None from a stream). With long higher timeframes the
  warm-up is longer: {CLOSED_NEEDED + 1} candles of the longest one.
- Higher timeframes are {" and ".join(DEFAULT_HIGHER)} unless configured: `market.higher_timeframes` names one to four
  (base candles above 15m take the next longer ones); columns carry the timeframe in their name.
- Missing candles are stepped through as flat ones at the last close, without volume.
- Multiplying all prices or all volumes by a power of two changes no bit of any model input.
- Where a denominator is zero the formula says which value stands instead.
- The source names who defined a column; `elementary` stands where the formula says all there is.

## Groups

Groups need more than the symbol's own candles and are there only where that is given: {", ".join(GROUPS)}. A model sees
those of `model.feature_groups` that its market has; it is bound to them, to the leader and to the symbols it was
trained beside, and the live scorer computes exactly what its model asks for.

{_ABOUT_GROUPS}
- A close waits for candles of other symbols at most `market.late_candle_s`. Then what is missing is masked (NaN), and a
  model says nothing about a row with a masked input: the decision names the groups that were missing. Ranks are taken
  among the symbols that are there. A candle that comes later still is put in its place, so that later rows are not
  changed by it.
"""


def range_text(limits: tuple[float, float]) -> str:
    """Limits as a person writes them."""
    low, high = limits
    if isinf(low) and isinf(high):
        return "any"
    if isinf(high):
        return f">= {low:g}"
    if isinf(low):
        return f"<= {high:g}"
    return f"{low:g} to {high:g}"


def family_title(family: str, group: str) -> str:
    """What stands above the columns of one family."""
    return f"{family.capitalize()} (group `{group}`)" if group else family.capitalize()


def page() -> str:
    """The whole page, Markdown."""
    parts = [_HEAD]
    for (family, group), entries in groupby(catalogue(groups=GROUPS), key=lambda entry: (entry.family, entry.group)):
        parts.append(
            f"\n## {family_title(family, group)}\n\n| name | use | formula | lookback | unit | range | source |\n"
        )
        parts.append("| --- | --- | --- | ---: | --- | --- | --- |\n")
        for entry in entries:
            use = "input" if entry.is_input else "published"
            formula = entry.formula.replace("|", "\\|")
            parts.append(
                f"| {entry.name} | {use} | {formula} | {entry.lookback} | {entry.unit} | {range_text(entry.range)} "
                f"| {entry.source} |\n"
            )
    return "".join(parts)


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())

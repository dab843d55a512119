"""Where a dead man's switch may be set: only where protective stops survive it."""

import pytest

from trader.adapters.ccxt.account.dead_man import require_possible
from trader.config.exchange import ExchangeSettings
from trader.domain.errors import Misconfigured


def chosen(exchange_id: str, market: str, after_s: float | None = 60.0) -> ExchangeSettings:
    return ExchangeSettings.model_validate({"id": exchange_id, "market": market, "dead_man_s": after_s})


@pytest.mark.parametrize("exchange_id", ["binance", "binanceusdm", "sandbox"])
def test_binances_perpetuals_have_one(exchange_id: str) -> None:
    require_possible(chosen(exchange_id, "perpetual"))


@pytest.mark.parametrize(
    ("exchange_id", "market"),
    [
        ("binance", "spot"),
        ("okx", "perpetual"),
        ("bybit", "perpetual"),
        ("kraken", "spot"),
        ("hyperliquid", "perpetual"),
    ],
)
def test_elsewhere_it_is_refused_before_anything_is_sent(exchange_id: str, market: str) -> None:
    with pytest.raises(Misconfigured, match="no dead man's switch is known that leaves protective stops in place"):
        require_possible(chosen(exchange_id, market))
    require_possible(chosen(exchange_id, market, None))

"""What happens to an account whose margin balance falls below its maintenance margin.

Its open orders are cancelled and its positions closed at the mark price, the one that needs most margin first, until
the rest is backed. Each costs the taker fee and a liquidation fee as far as there is margin; in the end an insurance
covers what is missing, so that no wallet stays below zero.
"""

from collections.abc import Mapping
from decimal import Decimal

from trader.domain.instrument import ZERO
from trader.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from trader.simulation.accounts.margin import SymbolMargin
from trader.simulation.accounts.perpetual_account import PerpetualAccount
from trader.simulation.clearing import Clearing
from trader.simulation.matching.liquidity import MatchedSymbol
from trader.simulation.records.positions import CENT
from trader.simulation.records.sim_orders import SimRequest

LIQUIDATION_FEE_FRAC = Decimal("0.0125")
LIQUIDATION_PREFIX = "autoclose-"  # of the client ids of liquidation orders


class Liquidator:
    """Changes go into the batch of `clearing`; the caller commits."""

    def __init__(self, clearing: Clearing, account: PerpetualAccount, markets: Mapping[str, MatchedSymbol]) -> None:
        self._clearing = clearing
        self._account = account
        self._markets = markets

    def run(self) -> bool:
        """Liquidate where it is due; whether it was."""
        assets = sorted({self._account.asset_of(position.symbol) for position in self._account.open_positions()})
        due = [asset for asset in assets if self._account.is_valued(asset) and self._account.margin(asset).is_short]
        for asset in due:
            self._cancel_orders(asset)
            self._close_positions(asset)
        return bool(due)

    def _cancel_orders(self, asset: str) -> None:
        for order in list(self._clearing.open.values()):
            if self._account.asset_of(order.symbol) == asset:
                self._markets[order.symbol].remove(order)
                self._clearing.end(order, OrderStatus.EXPIRED)

    def _close_positions(self, asset: str) -> None:
        while (margin := self._account.margin(asset)).is_short and self._account.open_positions(asset):
            dearest = max(margin.symbols, key=lambda each: each.maintenance)
            self._close(dearest)
            missing = -self._account.margin(asset).balance
            if missing > 0 and not self._account.open_positions(asset):
                self._charge(dearest.position.symbol, -missing)

    def _close(self, held: SymbolMargin) -> None:
        symbol, quantity = held.position.symbol, abs(held.position.quantity)
        instrument, now_ms = self._markets[symbol].instrument, self._clearing.now_ms
        price = instrument.round_price(held.mark)
        request = SimRequest(
            symbol,
            f"{LIQUIDATION_PREFIX}{now_ms}",
            Side.SELL if held.position.quantity > 0 else Side.BUY,
            OrderType.LIMIT,
            quantity,
            price,
            time_in_force=TimeInForce.IOC,
            reduce_only=True,
        )
        order = self._clearing.draft(request, quantity)
        self._clearing.open_order(order)
        self._clearing.fill(instrument, order, price, quantity, is_maker=False)
        left = max(ZERO, self._account.margin(self._account.asset_of(symbol)).balance)
        self._charge(symbol, min(left, quantity * price * LIQUIDATION_FEE_FRAC).quantize(CENT))

    def _charge(self, symbol: str, fee: Decimal) -> None:
        self._account.book(symbol, "liquidation", -fee, self._clearing.now_ms, "liquidation")

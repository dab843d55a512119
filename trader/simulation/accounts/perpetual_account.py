"""The margined account behind perpetuals: one wallet per settlement asset, net positions, cross margin.

As at Binance USD-M in one-way mode, single-asset mode. What an order needs is judged at the mark price: the initial
margin of a symbol is the larger of |position + buys| and |position - sells|, over its leverage, so that an order which
closes what is held needs none.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace as altered

from trader.domain.account import Balance
from trader.domain.errors import Rejected
from trader.domain.instrument import ZERO, Instrument, exact
from trader.domain.orders import OrderType, Side
from trader.domain.refusals import RefusalCode
from trader.simulation.accounts.account import AccountChange
from trader.simulation.accounts.margin import AccountMargin, Bracket, SymbolMargin, largest_position, maintenance
from trader.simulation.records.memory import Resumed
from trader.simulation.records.positions import (
    IncomeKind,
    SimIncome,
    SimPosition,
    closable,
    realised_by,
    traded,
)
from trader.simulation.records.sim_orders import ChangeReason, SimOrder, SimRequest, SimTrade


class PerpetualAccount:
    """An `Account` (see there) whose trades change positions instead of currencies.

    `brackets`: by symbol. The wallet of each asset is its `Balance.free`; nothing is ever locked in it.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        brackets: Mapping[str, Sequence[Bracket]],
        balances: Iterable[Balance],
        resumed: Resumed,
    ) -> None:
        self.brackets = brackets
        self._instruments = instruments
        self._wallets = {balance.currency: balance.free for balance in balances}
        self._positions = {position.symbol: position for position in resumed.positions}
        self._marks: dict[str, Decimal] = {}
        self._carried: dict[str, dict[int, SimOrder]] = {}  # open orders that need margin, by symbol
        self._ordered: dict[tuple[str, Side], Decimal] = {}  # what they are worth, quote
        self._last_income_id = resumed.last_income_id
        self._changed_assets: set[str] = set()
        self._changed_positions: set[str] = set()
        self._incomes: list[SimIncome] = []
        self._reason: ChangeReason = "order"
        for order, _ in resumed.open_orders:
            self._carry(order)

    # --- the rules an exchange asks for (`Account`) -------------------------------------------------------------

    def admit(self, order: SimOrder, cost: Decimal, instead_of: SimOrder | None = None) -> None:
        """Raise `Rejected` (insufficient_margin, position_too_large) unless `order` can be carried.

        Refused is only what would need more margin than now. Conditional and reduce-only orders need none.
        `instead_of`: the order it replaces.
        """
        if order.reduce_only or order.is_waiting:
            return
        symbol, mark = order.symbol, self._marks.get(order.symbol)
        value = cost if order.type is OrderType.MARKET else _worth(order)
        quantity = order.remaining if order.price is not None else ZERO
        buys, sells = self._open_values(symbol, without=instead_of)
        before = max(self._exposures(symbol, *self._open_values(symbol)))
        if order.side is Side.BUY:
            buys += value
        else:
            sells += value
        after = max(self._exposures(symbol, buys, sells))
        if after <= before:
            return
        leverage = self.position(symbol).leverage
        if after > largest_position(self.brackets[symbol], leverage):
            raise Rejected(
                f"{symbol} at leverage {leverage} may not be worth {after}", code=RefusalCode.POSITION_TOO_LARGE
            )
        # what is paid beyond the mark price is lost at once
        loss = ZERO if mark is None or not quantity else max(ZERO, order.side.sign * (value - quantity * mark))
        needed = (after - before) / leverage + loss + value * exact(self._instruments[symbol].taker_fee_frac)
        free = self.margin(self.asset_of(symbol)).available
        if needed > free:
            raise Rejected(
                f"needs {needed} {self.asset_of(symbol)} margin, {free} is free", code=RefusalCode.INSUFFICIENT_MARGIN
            )

    def room(self, order: SimOrder | SimRequest) -> Decimal | None:
        return closable(self.position(order.symbol), order.side) if order.reduce_only else None

    def outlived(self, orders: Iterable[SimOrder]) -> list[SimOrder]:
        """Reduce-only orders in the book whose position is gone. Those with a stop price wait for their price."""
        return [order for order in orders if not order.is_waiting and self.room(order) == 0]

    def realised(self, order: SimOrder, price: Decimal, quantity: Decimal) -> Decimal:
        return realised_by(self.position(order.symbol), order.side, price, quantity)

    def budget(self, order: SimOrder) -> Decimal | None:
        return None

    def change(self, before: SimOrder | None, after: SimOrder, trade: SimTrade | None) -> None:
        self._carry(after)
        if trade is None:
            return
        symbol = trade.symbol
        self._keep(traded(self.position(symbol), trade.side, trade.price, trade.quantity, trade.ts_ms))
        if trade.realised:
            self._book(symbol, "realised", trade.realised, trade.ts_ms, trade.trade_id)
        self._book(symbol, "commission", -trade.fee, trade.ts_ms, trade.trade_id)

    def transfer(self, currency: str, amount: Decimal, now_ms: int) -> None:
        if -amount > min(self._wallets.get(currency, ZERO), self.margin(currency).available):
            raise Rejected(f"{-amount} {currency} cannot leave: it is not free", code=RefusalCode.INSUFFICIENT_FUNDS)
        self._move("", "transfer", currency, amount, now_ms, 0)
        self._reason = "transfer"

    def balances(self) -> list[Balance]:
        """The wallets: without unrealised profit, with what margin ties up."""
        return [Balance(asset, self._wallets[asset]) for asset in sorted(self._wallets)]

    def take_changed(self) -> AccountChange | None:
        if not (self._changed_assets or self._changed_positions):
            return None
        change = AccountChange(
            tuple(Balance(asset, self._wallets[asset]) for asset in sorted(self._changed_assets)),
            tuple(self._positions[symbol] for symbol in sorted(self._changed_positions)),
            tuple(self._incomes),
            self._reason,
        )
        self._changed_assets.clear()
        self._changed_positions.clear()
        self._incomes, self._reason = [], "order"
        return change

    # --- what only a margined account has -----------------------------------------------------------------------

    def asset_of(self, symbol: str) -> str:
        """What `symbol` is settled in."""
        return self._instruments[symbol].quote

    def position(self, symbol: str) -> SimPosition:
        """Flat where there never was one."""
        return self._positions.get(symbol) or SimPosition(symbol)

    def open_positions(self, asset: str | None = None) -> list[SimPosition]:
        """Those that are not flat, by symbol."""
        held = (self._positions[symbol] for symbol in sorted(self._positions) if self._positions[symbol].quantity)
        return [position for position in held if asset in (None, self.asset_of(position.symbol))]

    def set_mark(self, symbol: str, mark: Decimal) -> None:
        self._marks[symbol] = mark

    def mark(self, symbol: str) -> Decimal:
        """The newest mark price; before the first one the position's entry price."""
        known = self._marks.get(symbol)
        return self.position(symbol).entry_price if known is None else known

    def is_valued(self, asset: str) -> bool:
        """Whether the mark price of everything held in `asset` has been told; after a restart it has not, at first."""
        return all(position.symbol in self._marks for position in self.open_positions(asset))

    def set_leverage(self, symbol: str, leverage: int) -> None:
        """Raise `Rejected` (leverage, position_too_large, insufficient_margin) where it cannot be."""
        steps = self.brackets[symbol]
        if not 1 <= leverage <= max(bracket.leverage for bracket in steps):
            raise Rejected(f"leverage {leverage} is not offered in {symbol}", code=RefusalCode.LEVERAGE)
        before = self.position(symbol)
        needed = max(self._exposures(symbol, *self._open_values(symbol)))
        if needed > largest_position(steps, leverage):
            raise Rejected(
                f"{symbol} is worth {needed}, too much at leverage {leverage}", code=RefusalCode.POSITION_TOO_LARGE
            )
        more = needed / leverage - needed / before.leverage
        if more > 0 and more > self.margin(self.asset_of(symbol)).available:
            raise Rejected(f"leverage {leverage} needs {more} more margin", code=RefusalCode.INSUFFICIENT_MARGIN)
        self._keep(altered(before, leverage=leverage))
        self._reason = "leverage"

    def book(self, symbol: str, kind: IncomeKind, amount: Decimal, now_ms: int, reason: ChangeReason) -> None:
        """Money that moves without a trade: funding, what a liquidation costs or an insurance covers."""
        self._book(symbol, kind, amount, now_ms, 0)
        self._reason = reason

    def margin(self, asset: str) -> AccountMargin:
        """Where the account stands in `asset`, at the newest mark prices."""
        used = {position.symbol for position in self.open_positions(asset)}
        used |= {symbol for symbol, orders in self._carried.items() if orders and self.asset_of(symbol) == asset}
        return AccountMargin(
            asset, self._wallets.get(asset, ZERO), tuple(self.symbol_margin(symbol) for symbol in sorted(used))
        )

    def symbol_margin(self, symbol: str) -> SymbolMargin:
        position, mark = self.position(symbol), self.mark(symbol)
        value = abs(position.quantity) * mark
        total = max(self._exposures(symbol, *self._open_values(symbol)))
        return SymbolMargin(
            position=position,
            mark=mark,
            unrealised=position.unrealised(mark),
            maintenance=maintenance(self.brackets[symbol], value),
            position_initial=value / position.leverage,
            order_initial=(total - value) / position.leverage,
        )

    # --- plumbing -----------------------------------------------------------------------------------------------

    def _open_values(self, symbol: str, without: SimOrder | None = None) -> tuple[Decimal, Decimal]:
        """What open orders would (buy for, sell for), quote."""
        buys, sells = (self._ordered.get((symbol, side), ZERO) for side in (Side.BUY, Side.SELL))
        carried = None if without is None else self._carried.get(symbol, {}).get(without.exchange_id)
        if carried is None:
            return buys, sells
        left_out = _worth(carried)
        return (buys - left_out, sells) if carried.side is Side.BUY else (buys, sells - left_out)

    def _exposures(self, symbol: str, buys: Decimal, sells: Decimal) -> tuple[Decimal, Decimal]:
        """What the position may come to be worth, by either side's orders."""
        value = self.position(symbol).quantity * self.mark(symbol)
        return abs(value + buys), abs(value - sells)

    def _carry(self, order: SimOrder) -> None:
        carried, key = self._carried.setdefault(order.symbol, {}), (order.symbol, order.side)
        before, total = carried.pop(order.exchange_id, None), self._ordered.get(key, ZERO)
        if before is not None:
            total -= _worth(before)
        if order.is_open and not order.reduce_only and not order.is_waiting and order.price is not None:
            carried[order.exchange_id] = order
            total += _worth(order)
        self._ordered[key] = total

    def _keep(self, position: SimPosition) -> None:
        self._positions[position.symbol] = position
        self._changed_positions.add(position.symbol)

    def _book(self, symbol: str, kind: IncomeKind, amount: Decimal, now_ms: int, trade_id: int) -> None:
        self._move(symbol, kind, self.asset_of(symbol), amount, now_ms, trade_id)

    def _move(self, symbol: str, kind: IncomeKind, asset: str, amount: Decimal, now_ms: int, trade_id: int) -> None:
        self._last_income_id += 1
        self._incomes.append(SimIncome(self._last_income_id, symbol, kind, asset, amount, now_ms, trade_id))
        self._wallets[asset] = self._wallets.get(asset, ZERO) + amount
        self._changed_assets.add(asset)


def _worth(order: SimOrder) -> Decimal:
    return order.remaining * (order.price or ZERO)

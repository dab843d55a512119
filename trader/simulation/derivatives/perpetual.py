"""The simulated exchange for perpetuals: the same matching, a margined account, and what follows from it.

Beyond spot: mark prices, funding every eight hours of market time, liquidation, leverage, amended and conditional
orders.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace as altered

from trader.domain.account import Balance
from trader.domain.errors import Rejected
from trader.domain.instrument import ZERO, Instrument, exact
from trader.domain.market import Candle, Levels
from trader.domain.orders import OrderType, Side, TimeInForce
from trader.domain.refusals import RefusalCode
from trader.simulation.accounts.account import Account
from trader.simulation.accounts.margin import AccountMargin, Bracket, SymbolMargin, brackets_of, liquidation_price
from trader.simulation.accounts.perpetual_account import PerpetualAccount
from trader.simulation.derivatives.conditional_book import ConditionalBook
from trader.simulation.derivatives.funding import next_funding_ms, payment
from trader.simulation.derivatives.liquidation import Liquidator
from trader.simulation.exchange import EVERYTHING, SimulatedExchange
from trader.simulation.matching.filters import check_request
from trader.simulation.matching.liquidity import Take, queue_at_placement
from trader.simulation.records.conditional import Conditional, WorkingPrice, followed, is_triggered
from trader.simulation.records.memory import Records, Resumed, Window
from trader.simulation.records.positions import IncomeKind, SimIncome, SimPosition
from trader.simulation.records.sim_orders import SimOrder, SimRequest, SimTrade

PRICE_BAND_FRAC = Decimal("0.05")  # how far from the mark price a limit order may be on the side that pays

FundingRates = Callable[[str, int], Decimal]  # (symbol, time of settlement) -> rate


class PerpetualExchange(SimulatedExchange):
    """One margined account. See `SimulatedExchange`, whose calls all work here, for storage and threading.

    `funding_rates` is asked when a settlement is due. `brackets` by symbol; Binance-like unless given. A symbol whose
    `on_mark` is never called is marked at its newest price.

    Further codes of `Rejected`: insufficient_margin, leverage, position_too_large, price_too_high, price_too_low,
    unfillable (FOK).
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        *,
        opening_balances: Mapping[str, Decimal],
        funding_rates: FundingRates,
        store: Records | None = None,
        brackets: Mapping[str, Sequence[Bracket]] | None = None,
        candle_slippage_frac: float = 0.0005,
        first_id: int = 1,
    ) -> None:
        self._rates = funding_rates
        self._marked: set[str] = set()  # symbols with mark prices of their own

        def opened(known: Mapping[str, Instrument], resumed: Resumed, balances: Sequence[Balance]) -> Account:
            steps = {symbol: brackets_of(each.base) for symbol, each in known.items()} | dict(brackets or {})
            self._account = PerpetualAccount(known, steps, balances, resumed)
            return self._account

        super().__init__(
            instruments,
            opening_balances=opening_balances,
            store=store,
            candle_slippage_frac=candle_slippage_frac,
            first_id=first_id,
            account=opened,
        )
        self._liquidator = Liquidator(self._clearing, self._account, self._markets)
        self._conditionals = ConditionalBook(
            self._resumed,
            self._clearing,
            self._account,
            accept=self._accept,
            can_trade=self.has_market,
            first_id=first_id,
        )

    # --- the market ---------------------------------------------------------------------------------------------

    def on_mark(self, symbol: str, ts_ms: int, mark: float) -> None:
        """The mark price of `symbol` is now this: it values positions and triggers what waits for it."""
        self._market(symbol)
        self._advance(ts_ms)
        self._marked.add(symbol)
        self._mark(symbol, mark)

    def on_book(self, symbol: str, ts_ms: int, bids: Levels, asks: Levels) -> None:
        super().on_book(symbol, ts_ms, bids, asks)
        self._follow(symbol)

    def on_trade(self, symbol: str, ts_ms: int, price: float, quantity: float, buyer_is_taker: bool) -> None:
        super().on_trade(symbol, ts_ms, price, quantity, buyer_is_taker)
        self._conditionals.seen(symbol, WorkingPrice.CONTRACT, price)
        self._commit()
        self._follow(symbol)

    def on_candle(self, candle: Candle) -> None:
        super().on_candle(candle)
        self._follow(candle.symbol)

    def is_watching(self, symbol: str) -> bool:
        """Also what waits for its price, and a position that may have to be liquidated."""
        holds = bool(self._account.position(symbol).quantity or self._conditionals.waiting(symbol))
        return holds or super().is_watching(symbol)

    # --- requests -----------------------------------------------------------------------------------------------

    def amend(
        self,
        symbol: str,
        now_ms: int,
        *,
        quantity: Decimal,
        price: Decimal,
        client_id: str | None = None,
        exchange_id: int | None = None,
    ) -> tuple[SimOrder, list[SimTrade]]:
        """Give an open limit order another quantity and price; it goes to the back of its queue.

        As at Binance it is cancelled instead where its fills already reach `quantity`, or where a post-only order
        would match at once. Raises `Rejected` as `submit` does, and changes nothing then.
        """
        self._advance(now_ms)
        order = self._clearing.named(symbol, client_id, exchange_id)
        if order.price is None or order.is_waiting:
            raise Rejected("only a limit order in the book can be amended", code=RefusalCode.BAD_REQUEST)
        request = _same_with(order, quantity, price)
        self._check(request)
        crosses = self._markets[symbol].opposite(order.side).reaches(float(price))
        if quantity <= order.filled or (order.post_only and crosses):
            canceled = self._cancel(order)
            self._commit()
            return canceled, []
        self._account.admit(altered(order, quantity=quantity, price=price), ZERO, instead_of=order)
        amended = self._amend(order, quantity, price)
        self._commit()
        return amended

    def place_conditional(self, draft: Conditional, now_ms: int) -> Conditional:
        """Keep `draft` until its price comes; returns it with its number.

        Raises `Rejected` (bad_request and the filters' codes, would_trigger, duplicate_client_id).
        """
        self._advance(now_ms)
        placed = self._conditionals.place(self._checked(draft))
        self._commit()
        return placed

    def cancel_conditional(
        self, now_ms: int, *, client_id: str | None = None, conditional_id: int | None = None
    ) -> Conditional:
        """Cancel one that waits."""
        self._advance(now_ms)
        canceled = self._conditionals.cancel(client_id, conditional_id)
        self._commit()
        return canceled

    def set_leverage(self, symbol: str, leverage: int, now_ms: int) -> SimPosition:
        """How much margin positions in `symbol` need from now on: value / leverage."""
        self._advance(now_ms)
        self._market(symbol)
        self._account.set_leverage(symbol, leverage)
        self._commit(force=True)
        return self._account.position(symbol)

    # --- queries ------------------------------------------------------------------------------------------------

    def margin(self, asset: str) -> AccountMargin:
        """Wallet, profit and margins in `asset` at the newest mark prices."""
        self._commit()
        return self._account.margin(asset)

    def symbol_margin(self, symbol: str) -> SymbolMargin:
        self._market(symbol)
        self._commit()
        return self._account.symbol_margin(symbol)

    def liquidation_price(self, symbol: str) -> Decimal:
        """Mark price at which the position would be liquidated; 0 where none would do that."""
        margin = self.margin(self._account.asset_of(symbol))
        return liquidation_price(margin, self._account.symbol_margin(symbol), self._account.brackets[symbol])

    def brackets(self, symbol: str) -> Sequence[Bracket]:
        return self._account.brackets[symbol]

    def positions(self) -> list[SimPosition]:
        """Those that are not flat, by symbol."""
        self._commit()
        return self._account.open_positions()

    def position(self, symbol: str) -> SimPosition:
        self._market(symbol)
        self._commit()
        return self._account.position(symbol)

    def mark(self, symbol: str) -> Decimal:
        return self._account.mark(symbol)

    def incomes(
        self, window: Window = EVERYTHING, *, symbol: str | None = None, kind: IncomeKind | None = None
    ) -> list[SimIncome]:
        """Movements of the wallets, oldest first."""
        self._commit()
        return self._records.incomes(window, symbol=symbol, kind=kind)

    def conditional(self, *, client_id: str | None = None, conditional_id: int | None = None) -> Conditional | None:
        """The conditional order of that name, live or ended."""
        self._commit()
        live = self._conditionals.find(client_id, conditional_id)
        return live or self._records.conditional(client_id=client_id, conditional_id=conditional_id)

    def waiting_conditionals(self, symbol: str | None = None) -> list[Conditional]:
        """Oldest first."""
        self._commit()
        return self._conditionals.waiting(symbol)

    def conditionals(self, symbol: str, window: Window = EVERYTHING) -> list[Conditional]:
        """Waiting and ended, oldest first, by creation."""
        self._conditionals.store_moved()  # the records answer for the waiting ones too
        self._commit()
        return self._records.conditionals(symbol, window)

    def checkpoint(self) -> None:
        self._conditionals.store_moved()
        super().checkpoint()

    # --- time ---------------------------------------------------------------------------------------------------

    def _advance(self, now_ms: int) -> None:
        """Settle every funding that falls due on the way, before anything else happens at `now_ms`."""
        while self._account.open_positions() and (due_ms := next_funding_ms(self.now_ms)) <= now_ms:
            self._clearing.advance(due_ms)
            for position in self._account.open_positions():
                rate = self._rates(position.symbol, due_ms)
                amount = payment(position.quantity, self._account.mark(position.symbol), rate)
                self._account.book(position.symbol, "funding", amount, due_ms, "funding")
            self._commit(force=True)
            self._liquidate()
        super()._advance(now_ms)

    # --- prices -------------------------------------------------------------------------------------------------

    def _follow(self, symbol: str) -> None:
        reference = self._markets[symbol].reference
        if symbol not in self._marked and reference is not None:
            self._mark(symbol, reference)

    def _mark(self, symbol: str, mark: float) -> None:
        self._account.set_mark(symbol, exact(mark))
        self._conditionals.seen(symbol, WorkingPrice.MARK, mark)
        self._commit()
        if self._account.position(symbol).quantity:
            self._liquidate()

    def _liquidate(self) -> None:
        if self._liquidator.run():
            self._commit(force=True)

    # --- placing ------------------------------------------------------------------------------------------------

    def _check(self, request: SimRequest) -> None:
        super()._check(request)
        mark = self._account.mark(request.symbol)
        if request.price is None or not mark:
            return
        if request.side is Side.BUY and request.price > mark * (1 + PRICE_BAND_FRAC):
            raise Rejected(f"a buy at {request.price}, mark price {mark}", code=RefusalCode.PRICE_TOO_HIGH)
        if request.side is Side.SELL and request.price < mark * (1 - PRICE_BAND_FRAC):
            raise Rejected(f"a sell at {request.price}, mark price {mark}", code=RefusalCode.PRICE_TOO_LOW)

    def _plan(self, request: SimRequest) -> list[Take]:
        takes = super()._plan(request)
        if request.time_in_force is TimeInForce.FOK and request.stop_price is None and not takes:
            raise Rejected("not enough is offered to fill the order at once", code=RefusalCode.UNFILLABLE)
        return takes

    def _amend(self, order: SimOrder, quantity: Decimal, price: Decimal) -> tuple[SimOrder, list[SimTrade]]:
        market, crossing = self._markets[order.symbol], self._crossings[order.symbol]
        market.remove(order)
        amended = self._clearing.amend(order, quantity, price)
        amended, trades = crossing.execute(amended, crossing.takes(amended))
        if amended.is_open:
            self._place(amended, queue_at_placement(amended, market.own(amended.side)))
        return amended, trades

    def _checked(self, draft: Conditional) -> Conditional:
        """`draft` if it may wait; a trailing stop without activation price begins with the newest one."""
        instrument = self._listed.get(draft.symbol)
        if instrument is None:
            raise Rejected(f"symbol {draft.symbol!r} is not listed here", code=RefusalCode.UNKNOWN_SYMBOL)
        has_limit = draft.kind.has_limit
        shape = SimRequest(
            draft.symbol,
            draft.client_id,
            draft.side,
            OrderType.LIMIT if has_limit else OrderType.MARKET,
            instrument.min_quantity if draft.quantity is None else draft.quantity,
            draft.price if has_limit else None,
            reduce_only=draft.reduce_only or draft.closes_position,
        )
        check_request(instrument, shape, self._markets[draft.symbol].reference)
        if draft.trigger_price is not None and draft.trigger_price % instrument.price_tick:
            raise Rejected(f"trigger price {draft.trigger_price} is not on the tick", code=RefusalCode.PRICE_FILTER)
        newest = self._newest(draft)
        if newest is None:
            return draft
        begun = followed(draft, newest)
        if is_triggered(begun, newest) or (begun.best is not None and draft.trigger_price is not None):
            raise Rejected(f"{draft.trigger_price} is already reached by {newest}", code=RefusalCode.WOULD_TRIGGER)
        return begun

    def _newest(self, draft: Conditional) -> float | None:
        """The price that `draft` waits for, as it is now."""
        if draft.working is WorkingPrice.MARK:
            return float(self._account.mark(draft.symbol)) or None
        return self._markets[draft.symbol].reference

    def _commit(self, *, force: bool = False) -> None:
        batch = self._clearing.batch
        self._conditionals.settle(batch.orders.values())
        super()._commit(force=force)
        if batch.trades:
            self._liquidate()


def _same_with(order: SimOrder, quantity: Decimal, price: Decimal) -> SimRequest:
    """The request that would have placed `order` with other numbers."""
    return SimRequest(
        order.symbol,
        order.client_id,
        order.side,
        order.type,
        quantity,
        price,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        reduce_only=order.reduce_only,
    )

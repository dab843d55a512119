"""The simulated exchange: one account and one matching model for paper, sandbox and backtest.

Synchronous and deterministic: the same calls give the same orders, trades and balances. It reads no clock and
knows nothing of the trading engine, so that comparing its books with ours proves something.

Not modelled: self-trade prevention (our own orders never meet each other), hidden liquidity, and what our orders
make other traders do.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace as altered

from trader.domain.account import Balance
from trader.domain.errors import Rejected
from trader.domain.instrument import ZERO, Instrument, exact
from trader.domain.market import Candle, Levels
from trader.domain.orders import OrderStatus, OrderType, TimeInForce
from trader.domain.refusals import RefusalCode
from trader.simulation.accounts.account import Account, SpotAccount
from trader.simulation.clearing import Clearing
from trader.simulation.matching.candles import stand_in_book
from trader.simulation.matching.crossing import Crossing
from trader.simulation.matching.filters import check_quantity, check_request
from trader.simulation.matching.liquidity import MatchedSymbol, Resting, Take, is_reached, queue_at_placement
from trader.simulation.matching.trailing import from_now
from trader.simulation.records.memory import MemoryRecords, Records, Resumed, TakenSides, Window
from trader.simulation.records.sim_orders import Listener, ReplaceFailed, SimOrder, SimRequest, SimTrade

EVERYTHING = Window()
AccountOpener = Callable[[Mapping[str, Instrument], Resumed, Sequence[Balance]], Account]


def _spot_account(instruments: Mapping[str, Instrument], _resumed: Resumed, balances: Sequence[Balance]) -> Account:
    return SpotAccount(instruments, balances)


class SimulatedExchange:
    """One account at one exchange. All times are ms UTC of market time.

    `opening_balances` count only when `store` is fresh (None: nothing is kept beyond this object); otherwise its
    state goes on. Every change is stored before a method returns or a listener hears of it; listeners are called
    synchronously, in order, and may call back. `candle_slippage_frac`: half the spread of the stand-in book where
    only candles exist. `first_id`: where order and trade ids of a fresh store start; with the market time in ms, a
    later fresh exchange never repeats an id that a ledger already knows. `account`: opens the account from what the
    store kept; spot unless given.

    Requests raise `Rejected` with one of the codes bad_request, duplicate_client_id, insufficient_funds, lot_size,
    min_notional, no_liquidity, price_filter, reduce_only, unknown_order, unknown_symbol, would_match, would_trigger;
    nothing has changed then. `InvariantBroken` from any method: the store could not be written. The outcome is unknown
    until a later call succeeds, which writes what is missing first; queries never tell what is not stored.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        *,
        opening_balances: Mapping[str, Decimal],
        store: Records | None = None,
        candle_slippage_frac: float = 0.0005,
        first_id: int = 1,
        account: AccountOpener = _spot_account,
    ) -> None:
        self._records: Records = MemoryRecords() if store is None else store
        self._slippage = candle_slippage_frac
        resumed = self._resumed = self._records.resume()
        opening = [Balance(currency, amount) for currency, amount in sorted(opening_balances.items())]
        known = {**resumed.instruments, **instruments}
        self._listed = dict(instruments)
        opened = account(known, resumed, resumed.balances or opening)
        self._clearing = Clearing(self._records, resumed, opened, first_id)
        self._markets = {symbol: MatchedSymbol(instrument) for symbol, instrument in known.items()}
        self._crossings = {symbol: Crossing(market, self._clearing) for symbol, market in self._markets.items()}
        for symbol, taken in resumed.taken.items():
            self._markets[symbol].restore(taken.bids, taken.asks)
        for order, ahead in resumed.open_orders:
            self._place(order, ahead)
        self._records.keep_instruments(instruments.values())
        if not resumed.balances:
            self._clearing.batch.balances.update((balance.currency, balance) for balance in opening)
            self._clearing.commit()

    @property
    def now_ms(self) -> int:
        """Newest market time seen, restarts included. Stamps orders and trades; never goes back."""
        return self._clearing.now_ms

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` every event from now on; the returned function ends that."""
        return self._clearing.subscribe(listener)

    # --- listings ---

    def instrument(self, symbol: str) -> Instrument:
        """What `symbol` is listed with now. Raises `Rejected` (unknown_symbol)."""
        if symbol not in self._listed:
            raise Rejected(f"symbol {symbol!r} is not listed here", code=RefusalCode.UNKNOWN_SYMBOL)
        return self._listed[symbol]

    def change_filters(self, instrument: Instrument) -> None:
        """From now on requests are held to this; open orders stay as they are. Raises `Rejected` (unknown_symbol)."""
        self.instrument(instrument.symbol)
        self._listed[instrument.symbol] = instrument
        market = self._markets[instrument.symbol]
        if instrument.quantity_step < market.instrument.quantity_step:
            market.instrument = instrument  # finer orders must be able to fill to the last step

    # --- the market ---------------------------------------------------------------------------------------------

    def on_book(self, symbol: str, ts_ms: int, bids: Levels, asks: Levels) -> None:
        """The displayed book of the others is now this (best first)."""
        market = self._market(symbol)
        self._advance(ts_ms)
        market.has_book = True
        market.bids.show(bids)
        market.asks.show(asks)
        if bids and asks:
            market.reference = (bids[0][0] + asks[0][0]) / 2
        if market.is_idle:
            return
        self._crossings[symbol].displayed()
        self._crossings[symbol].stops()
        self._commit()

    def on_trade(self, symbol: str, ts_ms: int, price: float, quantity: float, buyer_is_taker: bool) -> None:
        """Others traded `quantity` (base) at `price`."""
        market = self._market(symbol)
        self._advance(ts_ms)
        market.reference = price
        if market.is_idle:
            return
        self._crossings[symbol].traded(price, quantity, buyer_is_taker)
        self._crossings[symbol].stops()
        self._commit()

    def on_candle(self, candle: Candle) -> None:
        """A closed candle: ignored where a book is known, matched pessimistically where none is."""
        market = self._market(candle.symbol)
        self._advance(candle.close_ms)
        if market.has_book:
            return
        crossing = self._crossings[candle.symbol]
        crossing.candle(candle, self._slippage)
        market.reference = candle.close
        if candle.volume > 0:
            bids, asks = stand_in_book(market.instrument, candle, self._slippage)
            market.bids.show(bids)
            market.asks.show(asks)
        crossing.stops()
        self._commit()

    def forget_book(self, symbol: str) -> None:
        """The feed of `symbol` is not trustworthy: nothing fills until its next update. Orders stay."""
        self._market(symbol).forget()

    def has_market(self, symbol: str) -> bool:
        """Whether anything is displayed for `symbol`."""
        market = self._market(symbol)
        return bool(market.bids.levels or market.asks.levels)

    def is_watching(self, symbol: str) -> bool:
        """Whether anything of ours depends on the next book of `symbol`: without that, books may be left out."""
        market = self._market(symbol)
        return not market.is_idle or bool(market.bids.taken or market.asks.taken)

    # --- requests -----------------------------------------------------------------------------------------------

    def submit(self, request: SimRequest, now_ms: int) -> tuple[SimOrder, list[SimTrade]]:
        """Place an order; returns it as it is after immediate matching, with the trades of that."""
        self._advance(now_ms)
        self._check(request)
        order, trades = self._accept(request)
        self._commit()
        return order, trades

    def cancel(
        self, symbol: str, now_ms: int, *, client_id: str | None = None, exchange_id: int | None = None
    ) -> SimOrder:
        """Cancel an open order, named by either id."""
        self._advance(now_ms)
        canceled = self._cancel(self._clearing.named(symbol, client_id, exchange_id))
        self._commit()
        return canceled

    def replace(
        self, request: SimRequest, now_ms: int, *, client_id: str | None = None, exchange_id: int | None = None
    ) -> tuple[SimOrder, SimOrder, list[SimTrade]]:
        """Cancel the named order of the same symbol, then place `request`: (canceled, new, its trades).

        A request that fails the filters, or no such old order, raises `Rejected` and changes nothing. Once the cancel
        is done, a refusal of the new order raises `ReplaceFailed`: the old one stays canceled, which is Binance's
        STOP_ON_FAILURE.
        """
        self._advance(now_ms)
        self._check(request)
        canceled = self._cancel(self._clearing.named(request.symbol, client_id, exchange_id))
        try:
            order, trades = self._accept(request)
        except Rejected as error:
            self._commit()
            raise ReplaceFailed(str(error), code=error.code, canceled=canceled) from error
        self._commit()
        return canceled, order, trades

    def deposit(self, currency: str, amount: Decimal, now_ms: int) -> None:
        """Credit `amount` from outside; below 0 it is a withdrawal from what is free.

        Raises `Rejected` (bad_request, insufficient_funds); nothing has changed then.
        """
        if not amount.is_finite() or not amount or not currency:
            raise Rejected(
                f"a deposit of {amount} {currency!r}: needs a currency and an amount", code=RefusalCode.BAD_REQUEST
            )
        self._advance(now_ms)
        self._clearing.transfer(currency, amount)
        self._commit(force=True)

    # --- queries ------------------------------------------------------------------------------------------------

    def order(self, symbol: str, *, client_id: str | None = None, exchange_id: int | None = None) -> SimOrder | None:
        """The order of that name (the newest, if a client id was used again); None if there never was one."""
        self._commit()
        found = self._clearing.find(symbol, client_id, exchange_id)
        return found or self._records.order(symbol, client_id=client_id, exchange_id=exchange_id)

    def open_orders(self, symbol: str | None = None) -> list[SimOrder]:
        """Oldest first."""
        self._commit()
        return [order for order in self._clearing.open.values() if symbol in (None, order.symbol)]

    def orders(self, symbol: str, window: Window = EVERYTHING) -> list[SimOrder]:
        """Open and ended, oldest first, by creation."""
        self._commit()
        return self._records.orders(symbol, window)

    def trades(self, symbol: str, window: Window = EVERYTHING, *, exchange_id: int | None = None) -> list[SimTrade]:
        """Oldest first; `exchange_id` keeps those of one order."""
        self._commit()
        return self._records.trades(symbol, window, exchange_id=exchange_id)

    def balances(self) -> list[Balance]:
        """Every currency that was ever held, by name."""
        self._commit()
        return self._clearing.account.balances()

    def checkpoint(self) -> None:
        """Store what changes without an order: queue positions and market time. Before a clean stop, or now and then.

        After kill -9 without it, queue positions are those of the last commit: fills come later, never earlier.
        """
        self._commit(force=True)

    # --- placing ------------------------------------------------------------------------------------------------

    def _advance(self, now_ms: int) -> None:
        """Market time moves on; every call that knows the time begins with this."""
        self._clearing.advance(now_ms)

    def _market(self, symbol: str) -> MatchedSymbol:
        market = self._markets.get(symbol)
        if market is None:
            raise Rejected(f"symbol {symbol!r} is not listed here", code=RefusalCode.UNKNOWN_SYMBOL)
        return market

    def _check(self, request: SimRequest) -> None:
        check_request(self.instrument(request.symbol), request, self._markets[request.symbol].reference)

    def _accept(self, request: SimRequest) -> tuple[SimOrder, list[SimTrade]]:
        follows = request.trail_frac and request.stop_price is None
        request = self._fitted(self._from_now(request) if follows else request)
        takes = self._plan(request)
        quantity = request.quantity
        if quantity is None:
            quantity = sum((take.quantity for take in takes), ZERO)
            check_quantity(self._listed[request.symbol], quantity)
        order = self._clearing.draft(request, quantity)
        if follows:
            best = exact(self._price_to_follow(request.symbol))
            order = altered(order, best=best, follows_since_ms=self._clearing.now_ms)
        is_market = order.type is OrderType.MARKET
        cost = sum((take.price * take.quantity for take in takes), ZERO) if is_market else ZERO
        self._clearing.account.admit(order, cost)
        self._clearing.open_order(order)
        order, trades = self._crossings[order.symbol].execute(order, takes)
        if not order.is_open:
            return order, trades
        if not order.is_waiting and (order.type is OrderType.MARKET or order.time_in_force is not TimeInForce.GTC):
            return self._clearing.end(order, OrderStatus.EXPIRED), trades
        self._place(order, queue_at_placement(order, self._markets[order.symbol].own(order.side)))
        return order, trades

    def _price_to_follow(self, symbol: str) -> float:
        newest = self._markets[symbol].reference
        if newest is None:
            raise Rejected(f"there is no price of {symbol} to follow yet", code=RefusalCode.NO_LIQUIDITY)
        return newest

    def _from_now(self, request: SimRequest) -> SimRequest:
        """A stop that follows the price from now on."""
        return from_now(request, self._listed[request.symbol], self._price_to_follow(request.symbol))

    def _fitted(self, request: SimRequest) -> SimRequest:
        """An order that may only reduce, cut to what there is to reduce. One with a stop price is not looked at yet."""
        room = None if request.stop_price is not None else self._clearing.account.room(request)
        if room is None or request.quantity is None:
            return request
        if room <= 0:
            raise Rejected(
                f"nothing in {request.symbol} to reduce by a {request.side.value}", code=RefusalCode.REDUCE_ONLY
            )
        return altered(request, quantity=min(request.quantity, room))

    def _plan(self, request: SimRequest) -> list[Take]:
        """What the request would take at once; raises `Rejected` where the market forbids it."""
        market = self._markets[request.symbol]
        if request.trail_frac:
            return []
        if request.stop_price is not None:
            newest = market.reference
            if newest is not None and is_reached(request.side, request.stop_price, newest, request.trigger):
                raise Rejected(
                    f"stop price {request.stop_price} is already reached by {newest}", code=RefusalCode.WOULD_TRIGGER
                )
            return []
        opposite, step = market.opposite(request.side), market.instrument.quantity_step
        if request.price is None:
            if not opposite.levels:
                raise Rejected(
                    f"nothing is offered to a market order in {request.symbol}", code=RefusalCode.NO_LIQUIDITY
                )
            return opposite.walk(step, quantity=request.quantity, budget=request.quote_quantity)
        if request.post_only and opposite.reaches(float(request.price)):
            raise Rejected(f"a post-only order at {request.price} would match at once", code=RefusalCode.WOULD_MATCH)
        return self._crossings[request.symbol].takes(request)

    def _place(self, order: SimOrder, ahead: Decimal | None) -> None:
        market = self._markets[order.symbol]
        if order.price is None or order.is_waiting:
            market.add_stop(order)
        else:
            market.rest(Resting(order, ahead))

    def _cancel(self, order: SimOrder) -> SimOrder:
        self._markets[order.symbol].remove(order)
        return self._clearing.end(order, OrderStatus.CANCELED)

    def _commit(self, *, force: bool = False) -> None:
        """Store and tell what changed, if anything did (here or in a call whose storing failed)."""
        if self._clearing.batch.is_empty and not force:
            return
        for order in self._clearing.account.outlived(list(self._clearing.open.values())):
            self._markets[order.symbol].remove(order)
            self._clearing.end(order, OrderStatus.EXPIRED)
        for market in self._markets.values():
            for stop in market.stops:
                if stop.best is not None and self._clearing.open.get(stop.exchange_id) != stop:
                    self._clearing.keep(stop)
            self._clearing.batch.queues.update(market.moved_queues())
            if market.has_moved_taken():
                symbol, taken = market.instrument.symbol, TakenSides(market.bids.taken, market.asks.taken)
                self._clearing.batch.taken[symbol] = taken
        self._clearing.commit()

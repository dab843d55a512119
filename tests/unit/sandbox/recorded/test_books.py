"""Recorded order books: read with the venue's own rules, played in order, met by our orders in the queue."""

import os
from collections.abc import Callable
from decimal import Decimal as D
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.kit.recorded_books import START_MS, Recorder, quiet_minutes
from tests.unit.sandbox.market.test_market import Listener
from tests.unit.sandbox.recorded.test_replay import write as write_candles
from trader.clock import ScaledClock
from trader.domain.errors import Misconfigured
from trader.domain.orders import OrderType, Side
from trader.sandbox.binance.protocol.market_streams import MarketStreams
from trader.sandbox.binance.spot.messages import SpotMessages
from trader.sandbox.binance.usdm.market_streams import UsdmMarketStreams
from trader.sandbox.market.mark import mark_price
from trader.sandbox.market.perpetual import PerpetualMarket
from trader.sandbox.market.playback import Playback
from trader.sandbox.market.served_market import ServedMarket
from trader.sandbox.market.symbol_market import SymbolMarket
from trader.sandbox.recorded.book import RecordedBook
from trader.sandbox.recorded.book_files import read_book
from trader.sandbox.recorded.book_stage import RecordedStage
from trader.sandbox.recorded.candle_files import kind_of
from trader.sandbox.recorded.shelf import FileShelf
from trader.simulation.derivatives.perpetual import PerpetualExchange
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.records.sim_orders import SimRequest

BTC, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
MINUTE = 60_000


class Matching(Listener):
    """Tells a simulated exchange what the listener hears."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        super().__init__()
        self.exchange = exchange

    def on_book(self, symbol: str, ts_ms: int, bids: Any, asks: Any) -> None:
        super().on_book(symbol, ts_ms, bids, asks)
        self.exchange.on_book(symbol, ts_ms, bids, asks)

    def on_trade(self, symbol: str, ts_ms: int, price: float, quantity: float, buyer_is_taker: bool) -> None:
        super().on_trade(symbol, ts_ms, price, quantity, buyer_is_taker)
        self.exchange.on_trade(symbol, ts_ms, price, quantity, buyer_is_taker)

    def is_watching(self, symbol: str) -> bool:
        return self.exchange.is_watching(symbol)


class Played:
    """A recording on its way."""

    def __init__(
        self, folder: Path, now_ms: int | None = None, *, balance: int = 10_000, history: Path | None = None
    ) -> None:
        stage = RecordedStage(FileShelf(folder, history), [BTC], "1m")
        self.start_ms = stage.start_ms
        self.exchange = SimulatedExchange(
            {BTC: stage.listings[BTC].instrument}, opening_balances={"USDT": D(balance), "BTC": D(10)}
        )
        self.listener = Matching(self.exchange)
        now_ms = stage.start_ms if now_ms is None else now_ms
        market = ServedMarket(stage.begin(now_ms), self.listener, stage.base_ms)
        market.audience = MarketStreams(market, self.listener, SpotMessages())
        self.playback: Playback = stage.playback([market], ScaledClock(0, now_ms, 60.0), now_ms)
        self.symbol: SymbolMarket = market.symbols[BTC]
        self.told = self.listener.told
        self.told.clear()  # nobody hears the first books

    def until(self, at: int) -> None:
        self.playback.tick(START_MS + at)

    def buy(self, price: str, quantity: str) -> int:
        request = SimRequest(BTC, "", Side.BUY, OrderType.LIMIT, D(quantity), D(price))
        return self.exchange.submit(request, self.exchange.now_ms)[0].exchange_id

    def filled(self, exchange_id: int) -> float:
        [order] = [order for order in self.exchange.orders(BTC) if order.exchange_id == exchange_id]
        return float(order.filled)


@pytest.fixture
def quiet(tmp_path: Path) -> Path:
    quiet_minutes().write(tmp_path, "BTCUSDT")
    return tmp_path


# --- files ---


@pytest.mark.parametrize("is_futures", [False, True])
def test_updates_before_the_snapshot_are_kept_where_it_does_not_hold_them(tmp_path: Path, is_futures: bool) -> None:
    made = quiet_minutes(is_futures=is_futures)
    made.write(tmp_path, "BTCUSDT")
    recording = read_book(tmp_path, PERPETUAL if is_futures else BTC, "20250106T0000")
    frames = recording.frames
    assert frames.last_id[:3].tolist() == [100, 103, 105]  # the snapshot, what it overlaps, what follows
    book = RecordedBook()
    for number in range(2):
        start, end = frames.starts[number : number + 2]
        rows = zip(frames.keys[start:end].tolist(), frames.sizes[start:end].tolist(), strict=True)
        book.apply(int(frames.first_id[number]), int(frames.last_id[number]), 0, rows)
    assert book.levels() == (((99.9, 4.0), (99.8, 2.0), (99.0, 7.5)), ((100.1, 5.0), (100.2, 2.0)))
    # the exchange's time, also of what came without one; and it never goes back
    assert recording.known_ms == START_MS + 51_000
    assert frames.time_ms[:2].tolist() == [START_MS + 50_050, START_MS + 50_100]
    assert recording.quotes is not None
    assert recording.quotes.time_ms[0] == START_MS + 50_150
    instrument = recording.listing.instrument
    assert (float(instrument.price_tick), float(instrument.quantity_step)) == (0.1, 0.1)


def break_ids(made: Recorder) -> None:
    made.diff(900_000, 9_000, 9_001, [("bid", 99.9, 1.0)], previous=8_999)


def second_snapshot(made: Recorder) -> None:
    made.snapshot(900_000, 9_000, [("bid", 99.9, 1.0)])


def no_updates(made: Recorder) -> None:
    made.rows["l2"] = [row for row in made.rows["l2"] if row["is_snapshot"]]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (break_ids, "missing after update 139"),
        (second_snapshot, "2 snapshots"),
        (no_updates, "missing after its snapshot"),
        (lambda made: made.rows["trades"].clear(), r"trades\.parquet cannot be read"),
    ],
)
def test_a_recording_that_cannot_be_rebuilt_is_refused(
    tmp_path: Path, spoil: Callable[[Recorder], None], complaint: str
) -> None:
    made = quiet_minutes()
    spoil(made)
    made.write(tmp_path, "BTCUSDT")
    with pytest.raises(Misconfigured, match=complaint):
        RecordedStage(FileShelf(tmp_path, None), [BTC], "1m")


def test_folders_say_what_they_hold(quiet: Path, tmp_path: Path) -> None:
    assert kind_of(quiet, [BTC]) == "books"
    quiet_minutes().write(quiet, "BTCUSDT", "20250105T0000")
    assert RecordedStage(FileShelf(quiet, None), [BTC], "1m").name == "20250106T0000"  # the newest
    assert RecordedStage(FileShelf(quiet, None), [BTC], "1m", name="20250105T0000").name == "20250105T0000"
    with pytest.raises(Misconfigured, match="no recording 'x' of BTC/USDT, only 20250105T0000, 20250106T0000"):
        RecordedStage(FileShelf(quiet, None), [BTC], "1m", name="x")
    with pytest.raises(Misconfigured, match=r"no recorded book of ETH/USDT .*BTCUSDT-20250106T0000-l2"):
        RecordedStage(FileShelf(quiet, None), [BTC, "ETH/USDT"], "1m")
    quiet_minutes().write(quiet, "ETHUSDT", "20240101T0000")
    with pytest.raises(Misconfigured, match="no recording holds all of BTC/USDT, ETH/USDT"):
        RecordedStage(FileShelf(quiet, None), [BTC, "ETH/USDT"], "1m")
    write_candles(quiet, "BTCUSDT-1m", 5)
    with pytest.raises(Misconfigured, match=r"holds candles \(BTCUSDT-1m.parquet, ...\) and recorded books"):
        kind_of(quiet, [BTC])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(Misconfigured, match=r"neither candles .* nor recorded books .* no Parquet file"):
        kind_of(empty, [BTC])


# --- what is told ---


def sizes(pairs: list[list[str]]) -> dict[str, str]:
    return {price: size for price, size in pairs}  # noqa: C416 - pairs are lists


def test_depth_messages_rebuild_the_recorded_book_however_the_ticks_fall(quiet: Path) -> None:
    for step in (700, 5_000, 47_000):
        played = Played(quiet)
        rebuilt: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        for side, pairs in zip("ba", played.symbol.book.pairs(100), strict=True):
            rebuilt[side] = sizes(pairs)
        known = played.symbol.book.update_id
        for at in (*range(52_000, 240_000, step), 240_000):
            played.until(at)
        messages = played.told["btcusdt@depth@100ms"]
        assert messages[0]["U"] == known + 1
        assert all(after["U"] == before["u"] + 1 for before, after in pairwise(messages))
        slow = played.told["btcusdt@depth"]
        assert all(after["U"] == before["u"] + 1 for before, after in pairwise(slow))
        for message in messages:
            for side in "ba":
                rebuilt[side].update((price, size) for price, size in message[side])
        bids, asks = played.symbol.book.pairs(100)
        assert {price: size for price, size in rebuilt["b"].items() if float(size)} == sizes(bids)
        assert rebuilt["a"] == sizes(asks)
        assert [size for price, size in bids if float(price) == 99.8] == ["3.70000000"]


def test_trades_are_told_as_they_were_recorded(tmp_path: Path) -> None:
    made = quiet_minutes(is_futures=True)
    made.trade(231_500, 123.4, 9.0, "buy", matched=231_400, kind="INSURANCE_FUND")
    made.trade(232_000, 99.9, 0.5, "sell", matched=231_800)
    made.write(tmp_path, "BTCUSDT")
    stage = RecordedStage(FileShelf(tmp_path, None), [PERPETUAL], "1m")
    listener = Listener()
    exchange = PerpetualExchange(
        {PERPETUAL: stage.listings[PERPETUAL].instrument}, opening_balances={"USDT": D(1)},
        funding_rates=lambda _symbol, _due: D(0),
    )  # fmt: skip
    symbols = stage.begin(stage.start_ms)
    market = PerpetualMarket(symbols, listener, stage.base_ms, marks=exchange, pricings=stage.pricings)
    market.audience = UsdmMarketStreams(market, listener)
    playback = stage.playback([market], ScaledClock(0, stage.start_ms, 1.0), stage.start_ms)
    listener.told.clear()
    for at in (100_000, 200_000, 240_000):
        playback.tick(START_MS + at)
    beside, last = listener.told["btcusdt@trade"][-2:]
    assert (beside["X"], beside["p"], beside["T"], beside["E"]) == (
        "INSURANCE_FUND", "123.40000000", START_MS + 231_400, START_MS + 231_500,
    )  # fmt: skip
    assert (last["t"], last["T"], last["E"], last["m"]) == (1_020, START_MS + 231_800, START_MS + 232_000, True)
    # no order is met by it, and no candle or aggregate knows of it
    assert 123.4 not in {price for _, _, price, _, _ in listener.trades}
    assert "123.40000000" not in {message["p"] for message in listener.told["btcusdt@aggTrade"]}
    running = market.symbols[PERPETUAL].series.running
    assert running is not None
    assert running[2] == 100.1
    depths = listener.told["btcusdt@depth@100ms"]
    assert len(depths) == 3
    assert all(after["pu"] == before["u"] for before, after in pairwise(depths))


def test_candles_are_those_of_the_trades_and_a_cut_one_is_none(quiet: Path, tmp_path: Path) -> None:
    late = quiet_minutes(minutes=4)
    late.trade(300_010, 250.0, 2.0, "buy", matched=299_990)  # told after its minute was over
    late.diff(400_000, 152, 152, [("bid", 99.0, 1.0)])
    folder = tmp_path / "late"
    folder.mkdir()
    late.write(folder, "BTCUSDT")
    played = Played(folder)
    for at in range(52_000, 400_000, 900):
        played.until(at)
    opens = [m["k"]["t"] - START_MS for m in played.told["btcusdt@kline_1m"] if m["k"]["x"]]
    assert opens == [60_000, 120_000, 180_000, 240_000]  # that of the first ten seconds is not among them
    rows = played.symbol.series.window(MINUTE, start_ms=None, end_ms=None, limit=10)
    assert rows[:, 0].tolist() == [START_MS + at for at in opens]
    assert rows[-1, 1:6].tolist() == [99.9, 250.0, 99.9, 250.0, 7.0]
    assert rows[0, 7] == 6
    assert played.symbol.series.last_price == 250.0
    assert [m["k"]["c"] for m in played.told["btcusdt@kline_1m"] if m["k"]["t"] == START_MS + 300_000] == []


def test_candles_of_before_come_from_elsewhere(quiet: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    history = tmp_path / "history"
    history.mkdir()

    def candles(last_ms: int, count: int = 50) -> None:
        times = [last_ms - n * MINUTE for n in range(count)][::-1]
        values = {name: np.full(count, 90.0) for name in ("open", "high", "low", "close", "volume")}
        table = pa.table({"timestamp": pa.array(times, pa.timestamp("ms", tz="UTC")), **values})
        pq.write_table(table, history / "BTCUSDT-1m.parquet")

    candles(START_MS)
    played = Played(quiet, history=history)
    assert len(played.symbol.series.closed) == 49
    played.until(130_000)
    closes = played.symbol.series.closed[-3:, [0, 4]].tolist()
    assert closes == [[START_MS - MINUTE, 90.0], [START_MS, 90.0], [START_MS + MINUTE, 100.1]]
    for last_ms, told in ((START_MS - MINUTE, "2025-01-05 23:10:00"), (START_MS + 60 * MINUTE, "2025-01-06 00:11:00")):
        candles(last_ms)  # they end too early, or begin too late
        with pytest.raises(Misconfigured, match=f"are of {told} to .*, but the recorded book begins at"):
            Played(quiet, history=history)


def test_the_best_quote_is_the_recorded_one(quiet: Path) -> None:
    played = Played(quiet)
    played.until(53_000)
    assert played.told["btcusdt@bookTicker"][-1] == {
        "u": 104, "s": "BTCUSDT", "b": "99.90000000", "B": "4.00000000", "a": "100.10000000", "A": "5.00000000",
    }  # fmt: skip


def test_marks_and_funding_are_the_recorded_ones(tmp_path: Path) -> None:
    made = quiet_minutes(is_futures=True)
    due = START_MS + 180_000
    made.mark(231_000, 101.5, 101.0, 0.0002, due)
    made.mark(232_000, 101.6, 101.1, 0.0003, due)
    made.mark(233_000, 101.7, 101.2, 0.0001, due + 8 * 3_600_000)
    made.write(tmp_path, "BTCUSDT")
    pricing = RecordedStage(FileShelf(tmp_path, None), [PERPETUAL], "1m").pricings[PERPETUAL]
    assert pricing.mark_and_index(100.0, START_MS + 230_000) == (100.0, 100.0)  # before the first
    price = mark_price(100.0, pricing, START_MS + 232_900)
    assert (price.mark, price.index, price.rate) == (101.6, 101.1, D("0.0003"))
    assert pricing.rate(due) == D("0.0003")
    assert pricing.rate(due - 8 * 3_600_000) == D("0.0001")  # not recorded: the interest


# --- our orders ---


def queue(made: Recorder) -> None:
    """After the quiet minutes (99.9: 4 bid): sold into, cancelled from, sold into again; later traded through."""
    made.trade(240_000, 99.9, 1.5, "sell")
    made.diff(240_100, 140, 140, [("bid", 99.9, 2.5)])
    made.diff(241_000, 141, 141, [("bid", 99.9, 0.3)])
    made.diff(241_100, 142, 142, [("bid", 99.9, 6.0)])  # who comes now is behind us
    made.trade(242_000, 99.9, 0.5, "sell")
    made.diff(242_100, 143, 143, [("bid", 99.9, 5.5)])
    made.trade(243_000, 99.8, 3.0, "sell")
    made.diff(243_100, 144, 145, [("bid", 99.9, 0.0), ("bid", 99.8, 1.0)])


@pytest.mark.parametrize("step", [100, 1_000, 60_000])
def test_an_order_waits_for_the_queue_ahead_of_it(tmp_path: Path, step: int) -> None:
    made = quiet_minutes()
    queue(made)
    made.write(tmp_path, "BTCUSDT")
    played = Played(tmp_path)
    played.until(239_000)
    order = played.buy("99.9", "1")
    expected = {240_500: 0.0, 241_500: 0.0, 242_050: 0.2, 243_000: 1.0}
    for at in range(239_000, 300_000, step):
        played.until(at)
        if step == 100 and at in expected:
            assert played.filled(order) == pytest.approx(expected[at])
    played.until(300_000)
    trades = [(str(trade.quantity), trade.ts_ms - START_MS) for trade in played.exchange.trades(BTC)]
    assert trades == [("0.2", 242_000), ("0.8", 243_000)]


def test_our_orders_do_not_change_the_recorded_market(tmp_path: Path) -> None:
    made = quiet_minutes()
    queue(made)
    made.write(tmp_path, "BTCUSDT")
    alone, traded = Played(tmp_path), Played(tmp_path)
    for at in range(52_000, 250_000, 1_000):
        for played in (alone, traded):
            played.until(at)
        if at % 20_000 == 0:
            traded.buy("100.2", "1.5")
            traded.buy("99.8", "0.7")
    assert len(traded.exchange.trades(BTC)) > 10
    assert traded.told == alone.told
    assert traded.symbol.book.levels() == alone.symbol.book.levels()


def test_it_ends_where_the_recording_ends(quiet: Path) -> None:
    played = Played(quiet)
    played.until(220_000)
    ended = [played.playback.is_finished]
    played.until(500_000)
    assert [*ended, played.playback.is_finished] == [False, True]
    count = len(played.listener.trades)
    played.until(900_000)
    assert len(played.listener.trades) == count
    assert played.symbol.best()[1].ask == "100.10000000"


def test_beginning_in_the_middle_is_like_having_come_there(quiet: Path) -> None:
    whole, part = Played(quiet), Played(quiet, now_ms=START_MS + 125_000)
    whole.until(125_000)
    assert part.listener.trades == []
    for played in (whole, part):
        played.told.clear()
        for at in range(125_500, 240_000, 500):
            played.until(at)
    assert part.symbol.book.pairs(10) == whole.symbol.book.pairs(10)
    assert np.array_equal(part.symbol.series.closed, whole.symbol.series.closed)
    assert part.told["btcusdt@depth@100ms"] == whole.told["btcusdt@depth@100ms"]
    assert part.told["btcusdt@trade"] == whole.told["btcusdt@trade"]


@pytest.mark.recorded
@pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set")
def test_in_a_real_book_nothing_fills_before_the_queue_ahead_is_gone() -> None:
    """What was ahead of us has to be traded at our price or cancelled from it, or the price has to be traded through;
    this keeps count of that on its own."""
    played = Played(Path(os.environ["TRADER_DATA"]) / "books" / "binance_spot", balance=10**7)
    start_ms, seen, waited, filled = played.start_ms, 0, 0, 0
    for number in range(60):
        played.playback.tick(start_ms + number * 10_000)
        (price, ahead), seen = played.symbol.book.levels()[0][0], len(played.listener.trades)
        books = len(played.listener.books)
        order = played.buy(str(price), "0.01")
        played.playback.tick(start_ms + (number + 1) * 10_000 - 1)
        sold = [(p, q, ts) for _, ts, p, q, is_buy in played.listener.trades[seen:] if not is_buy and p <= price]
        at_price = sum(q for p, q, _ in sold if p == price)
        least = min((dict(bids).get(price, 0.0) for _, _, bids, _ in played.listener.books[books:]), default=ahead)
        is_crossed = any(asks[0][0] <= price for _, _, _, asks in played.listener.books[books:])
        is_through = any(p < price for p, _, _ in sold)
        if played.filled(order):
            filled += 1
            if not (is_through or is_crossed):
                assert at_price + (ahead - least) > ahead - 1e-9
            waited += bool(sold) and not is_through and ahead > 0.5
        elif is_through:
            pytest.fail(f"traded through {price}, and the order at it is not filled")
        else:
            assert at_price < ahead
        if not played.filled(order):
            played.exchange.cancel(BTC, played.exchange.now_ms, exchange_id=order)
    assert 5 < filled < 55
    assert waited


@pytest.mark.recorded
@pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set")
def test_a_position_pays_the_recorded_funding_at_the_recorded_mark_price() -> None:
    """The recording of 2023-04-04 runs over midnight UTC, when funding was settled."""
    import pyarrow.parquet as pq

    folder = Path(os.environ["TRADER_DATA"]) / "books" / "binance_usdm"
    stage = RecordedStage(FileShelf(folder, None), [PERPETUAL], "1m", name="20230404T2358")
    exchange = PerpetualExchange(
        {PERPETUAL: stage.listings[PERPETUAL].instrument}, opening_balances={"USDT": D(10_000)},
        funding_rates=lambda symbol, due_ms: stage.pricings[symbol].rate(due_ms),
    )  # fmt: skip
    matching = Matching(exchange)
    symbols = stage.begin(stage.start_ms)
    market = PerpetualMarket(symbols, matching, stage.base_ms, marks=exchange, pricings=stage.pricings)
    playback = stage.playback([market], ScaledClock(0, stage.start_ms, 1.0), stage.start_ms)
    exchange.submit(SimRequest(PERPETUAL, "", Side.BUY, OrderType.MARKET, D("0.5")), stage.start_ms)
    for passed in range(0, 120_000, 2_000):
        playback.tick(stage.start_ms + passed)
    [paid] = exchange.incomes(kind="funding")
    told = pq.read_table(folder / "BTCUSDT-20230404T2358-mark.parquet").to_pylist()
    assert paid.ts_ms == 1_680_652_800_000
    settled = [row for row in told if row["next_funding_ms"] == paid.ts_ms][-1]
    assert float(paid.amount) == pytest.approx(-0.5 * settled["mark_price"] * settled["funding_rate"], rel=1e-3)

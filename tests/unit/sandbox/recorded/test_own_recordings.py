"""The daemon's own recordings replayed: its books, trades and candles come out as it saw them."""

from pathlib import Path

import numpy as np
import pytest

from tests.kit.market_inputs import packed
from tests.unit.sandbox.market.test_market import Listener
from trader.adapters.parquet.recording_files import keep_spool
from trader.adapters.parquet.spool import Recorded
from trader.clock import ScaledClock
from trader.domain.errors import Misconfigured
from trader.domain.events import BookUpdated, CandleClosed, TradePrinted
from trader.domain.market import Book, Candle, Levels, Trade
from trader.sandbox.binance.protocol.market_streams import MarketStreams
from trader.sandbox.binance.spot.messages import SpotMessages
from trader.sandbox.market.served_market import ServedMarket
from trader.sandbox.recorded.book_stage import RecordedStage
from trader.sandbox.recorded.candle_files import kind_of
from trader.sandbox.recorded.own_recordings import RecorderShelf

BTC = "BTC/USDT"
MINUTE = 60_000
DAY, START_MS = "2025-01-06", 1_736_121_600_000
HISTORY, SECONDS = 30, 200


def levels(number: int) -> tuple[Levels, Levels]:
    """(bids, asks): the touch walks, quantities change, the display is three levels deep."""
    bid = 1_000 + number % 7 - 3
    return (
        tuple(((bid - depth) / 10, 1.0 + (number + depth) % 4) for depth in range(3)),
        tuple(((bid + 1 + depth) / 10, 2.0 + (number + depth) % 3) for depth in range(3)),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    events: list[Recorded] = []
    for back in range(HISTORY, 0, -1):
        open_ms = START_MS - back * MINUTE
        candle = Candle(BTC, open_ms, open_ms + MINUTE, 90.0, 91.0, 89.0, 90.5, 3.0, back == 5)
        events.append(CandleClosed(seq=len(events) + 1, ts_ms=START_MS, candle=candle))
    for number in range(SECONDS):
        at = START_MS + number * 1_000
        book = Book(BTC, at, *levels(number))
        events.append(BookUpdated(seq=len(events) + 1, ts_ms=at + 3, book=book))
        price = levels(number)[number % 2][0][0]
        trade = Trade(BTC, at + 500, str(7_000 + number), price, 0.5, number % 2 == 1)
        events.append(TradePrinted(trade=trade))
    spool = tmp_path / "spool" / "000.spool"
    spool.parent.mkdir()
    spool.write_bytes(packed(1, 0, events))
    keep_spool(tmp_path, spool)
    spool.unlink()
    return tmp_path


def test_a_recorded_day_is_played_as_it_was_seen(folder: Path) -> None:
    assert kind_of(folder, [BTC]) == "days"
    stage = RecordedStage(RecorderShelf(folder), [BTC], "5m")
    assert (stage.name, stage.base_ms, stage.start_ms) == (DAY, MINUTE, START_MS + 500)
    listener = Listener()
    market = ServedMarket(stage.begin(stage.start_ms), listener, stage.base_ms)
    market.audience = MarketStreams(market, listener, SpotMessages())
    playback = stage.playback([market], ScaledClock(0, stage.start_ms, 1.0), stage.start_ms)
    symbol = market.symbols[BTC]
    listener.told.clear()
    last = 1
    for number in range(1, SECONDS):
        playback.tick(START_MS + number * 1_000 + 100)
        assert symbol.book.levels() == levels(number)
        message = listener.told["btcusdt@depth@100ms"][-1]
        assert (message["U"], message["u"]) == (last + 1, last + 1)
        last += 1
    assert [m["t"] for m in listener.told["btcusdt@trade"]] == list(range(7_001, 7_000 + SECONDS - 1))
    rows = symbol.series.closed
    assert len(rows) == HISTORY - 1 + 3  # a gap stays a gap; then three whole minutes
    assert rows[:, 0].tolist()[-3:] == [START_MS + minute * MINUTE for minute in range(3)]
    assert rows[-1, 5] == 30.0
    assert np.all(rows[: HISTORY - 1, 4] == 90.5)


def test_what_is_not_recorded_is_said(folder: Path) -> None:
    with pytest.raises(Misconfigured, match="no recorded day holds books and trades of all of BTC/USDT, ETH/USDT"):
        RecordedStage(RecorderShelf(folder), [BTC, "ETH/USDT"], "1m")
    with pytest.raises(Misconfigured, match="no recording '2025-01-07' of BTC/USDT, only 2025-01-06"):
        RecordedStage(RecorderShelf(folder), [BTC], "1m", name="2025-01-07")
    (folder / "BTCUSDT-1m.parquet").write_bytes(b"")
    with pytest.raises(Misconfigured, match=r"holds recorded days \(2025-01-06, ...\) and BTCUSDT-1m.parquet"):
        kind_of(folder, [BTC])

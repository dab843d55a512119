"""Options: what is refused, and what makes it another exchange or another process."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from trader.domain.errors import Misconfigured
from trader.sandbox.market.listing import DEFAULT_SYMBOLS, listing_for, listings_for
from trader.sandbox.server.options import SandboxOptions
from trader.sandbox.server.status import decode, encode

OPTIONS = SandboxOptions(directory=Path("box"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"symbols": ()}, "at least one"),
        ({"symbols": ("BTC/USDT", "BTC/USDT")}, "without repetition"),
        ({"timeframe": "7m"}, "allowed are 1m, 3m, 5m"),
        ({"speed": 0.0}, "from 0.1 to 600"),
        ({"edge": 6.0}, "from 0 to 5"),
        ({"quote_balance": 0.0}, "above 0"),
        ({"tick_s": 0.001}, "from 0.02 to 1"),
        ({"replay": Path("nowhere")}, "not a folder"),
        ({"api_key": "only"}, "give both"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(change: dict[str, Any], message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        replace(OPTIONS, **change).validated()


def test_the_market_decides_which_exchange_it_is_and_the_rest_which_process() -> None:
    markets: list[dict[str, Any]] = [{"seed": 8}, {"edge": 0.5}, {"timeframe": "5m"}, {"quote_balance": 5.0}]
    processes: list[dict[str, Any]] = [{"speed": 30.0}, {"symbols": ("BTC/USDT",)}]
    for change in markets:
        assert replace(OPTIONS, **change).market_hash() != OPTIONS.market_hash()
    for change in processes:
        assert replace(OPTIONS, **change).market_hash() == OPTIONS.market_hash()
        assert replace(OPTIONS, **change).process_hash() != OPTIONS.process_hash()
    same = replace(OPTIONS, port=5, idle_exit_s=3.0, directory=Path("elsewhere"))
    assert same.process_hash() == OPTIONS.process_hash()


def test_options_survive_the_file_they_travel_in() -> None:
    options = replace(OPTIONS, replay=Path("candles"), symbols=("BTC/USDT", "ETH/USDT"))
    assert decode(encode(options), SandboxOptions) == options


def test_twenty_symbols_are_known_and_any_spot_pair_can_be_listed() -> None:
    assert len(DEFAULT_SYMBOLS) == 20
    for listing in listings_for([*DEFAULT_SYMBOLS, "MADEUP/USDT", "BTC/EUR"]).values():
        instrument = listing.instrument
        assert instrument.refusal(instrument.min_quantity, instrument.round_price(listing.base_price)) is not None
        enough = instrument.round_quantity(20 / listing.base_price)
        assert instrument.refusal(enough, instrument.round_price(listing.base_price)) is None
    assert listing_for("MADEUP/USDT") == listing_for("MADEUP/USDT")
    for name in ("BTCUSDT", "btc/usdt", "BTC/USDT:BTC", "BTC/USDT:", "/USDT"):
        with pytest.raises(Misconfigured, match="not a spot pair"):
            listing_for(name)


def test_pairs_can_be_listed_as_named_or_all_of_one_kind_or_both() -> None:
    named = replace(OPTIONS, symbols=("BTC/USDT", "ETH/USDT:USDT", "ETH/USDT"))
    assert named.listed == named.symbols
    spot, perpetual = ("BTC/USDT", "ETH/USDT"), ("BTC/USDT:USDT", "ETH/USDT:USDT")
    assert replace(named, market="spot").listed == spot
    assert replace(named, market="perpetual").listed == perpetual
    assert replace(named, market="both").listed == spot + perpetual
    assert replace(named, market="both").process_hash() != named.process_hash()
    assert replace(named, market="both").market_hash() == named.market_hash()


def test_a_perpetual_is_coarser_than_its_spot_pair_and_cheaper_to_trade() -> None:
    for name in ("BTC", "XRP", "MADEUP"):
        spot, perpetual = listing_for(f"{name}/USDT"), listing_for(f"{name}/USDT:USDT")
        assert (spot.id, perpetual.id) == (f"{name}USDT", f"{name}USDT")
        assert perpetual.instrument.can_short
        assert perpetual.instrument.price_tick % spot.instrument.price_tick == 0
        assert perpetual.instrument.quantity_step % spot.instrument.quantity_step == 0
        assert perpetual.instrument.taker_fee_frac < spot.instrument.taker_fee_frac
        assert perpetual.level_quote > spot.level_quote

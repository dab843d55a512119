"""What is listed: instruments with the filters Binance really has, and how each market behaves.

Depth differs by symbol on purpose, so that market, limit and TWAP execution all come up by themselves: buying
1,500 USDT costs about (average fill against best ask) 0.02% on BTC, 0.05% on ETH, 0.2% on BNB and SOL, 0.8% on XRP.
"""

import zlib
from collections.abc import Iterable
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from trader.domain.errors import Misconfigured
from trader.domain.instrument import Instrument, InstrumentKind

MAKER_FEE_FRAC = 0.001
TAKER_FEE_FRAC = 0.001
PERPETUAL_MAKER_FEE_FRAC = 0.0002
PERPETUAL_TAKER_FEE_FRAC = 0.0005
MIN_NOTIONAL = Decimal(5)
MAX_DECIMALS = 8  # prices, quantities, balances and fees at Binance carry at most eight

_IMPACT_ORDER_QUOTE = 1_500.0
_IMPACT_LEVELS = 8.0  # levels such an order takes
_MEAN_GAPS = (_IMPACT_LEVELS - 1) / 2 - 0.4  # how far the average one is from the best; the first gap is a part of one


class Listing(msgspec.Struct, frozen=True):
    """One listed pair: its filters and the parameters of its market."""

    instrument: Instrument
    base_price: float  # where the generated price starts, quote
    annual_volatility: float  # of the unpredictable part, 1.0 = 100%
    market_share: float  # share of its variance that comes from the common market factor, 0..1
    impact_frac: float  # average fill / best - 1 of a 1,500 quote market order
    spread_frac: float  # usual (ask - bid) / price
    volume_quote_per_minute: float  # usual turnover
    depth: float = 1.0  # how often the book holds that: the impact is that of 1,500 x depth

    @property
    def id(self) -> str:
        """Binance's name of the pair: "BTCUSDT"."""
        return self.instrument.base + self.instrument.quote

    @property
    def level_gap_frac(self) -> float:
        """Distance between book levels / price."""
        return self.impact_frac / _MEAN_GAPS

    @property
    def level_quote(self) -> float:
        """Usual value of one book level, quote."""
        return _IMPACT_ORDER_QUOTE / _IMPACT_LEVELS * self.depth

    @property
    def price_decimals(self) -> int:
        return decimals(self.instrument.price_tick)

    @property
    def quantity_decimals(self) -> int:
        return decimals(self.instrument.quantity_step)


def decimals(step: Decimal) -> int:
    """Digits after the point of a tick or step."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


# base: price, tick, step, annual volatility, market share, impact of 1,500 USDT, spread, turnover per minute
_KNOWN: dict[str, tuple[float, str, str, float, float, float, float, float]] = {
    "BTC": (95_000.0, "0.01", "0.00001", 0.42, 0.80, 0.0002, 0.00001, 60_000),
    "ETH": (3_300.0, "0.01", "0.0001", 0.52, 0.70, 0.0005, 0.00002, 45_000),
    "BNB": (700.0, "0.01", "0.001", 0.46, 0.60, 0.0020, 0.00005, 20_000),
    "SOL": (200.0, "0.01", "0.001", 0.62, 0.60, 0.0020, 0.00006, 25_000),
    "XRP": (2.4, "0.0001", "0.1", 0.60, 0.55, 0.0080, 0.00010, 15_000),
    "ADA": (1.0, "0.0001", "0.1", 0.66, 0.60, 0.0030, 0.00012, 10_000),
    "DOGE": (0.35, "0.00001", "1", 0.72, 0.60, 0.0030, 0.00010, 14_000),
    "LTC": (105.0, "0.01", "0.001", 0.56, 0.60, 0.0040, 0.00012, 8_000),
    "LINK": (21.0, "0.01", "0.01", 0.66, 0.60, 0.0040, 0.00050, 9_000),
    "AVAX": (38.0, "0.01", "0.01", 0.68, 0.60, 0.0040, 0.00030, 9_000),
    "TRX": (0.25, "0.0001", "0.1", 0.40, 0.45, 0.0030, 0.00040, 8_000),
    "DOT": (7.0, "0.001", "0.01", 0.62, 0.60, 0.0050, 0.00020, 7_000),
    "BCH": (450.0, "0.1", "0.001", 0.60, 0.55, 0.0050, 0.00025, 7_000),
    "SUI": (4.2, "0.0001", "0.1", 0.80, 0.55, 0.0040, 0.00010, 9_000),
    "NEAR": (5.2, "0.001", "0.1", 0.72, 0.60, 0.0050, 0.00025, 7_000),
    "UNI": (13.5, "0.001", "0.01", 0.70, 0.55, 0.0050, 0.00015, 7_000),
    "ATOM": (6.6, "0.001", "0.01", 0.62, 0.60, 0.0060, 0.00020, 6_000),
    "INJ": (21.0, "0.01", "0.01", 0.78, 0.50, 0.0060, 0.00060, 6_000),
    "XLM": (0.42, "0.0001", "1", 0.68, 0.50, 0.0050, 0.00030, 6_000),
    "ZEC": (52.0, "0.01", "0.001", 0.74, 0.40, 0.0080, 0.00030, 5_000),
}
DEFAULT_SYMBOLS = tuple(f"{base}/USDT" for base in _KNOWN)

# perpetuals are coarser than their spot pairs: price tick, quantity step, least notional
_PERPETUAL: dict[str, tuple[str, str, str]] = {
    "BTC": ("0.1", "0.001", "50"),
    "ETH": ("0.01", "0.001", "20"),
    "BNB": ("0.01", "0.01", "5"),
    "SOL": ("0.01", "0.01", "5"),
    "ADA": ("0.0001", "1", "5"),
    "AVAX": ("0.001", "1", "5"),
    "DOT": ("0.001", "0.1", "5"),
    "NEAR": ("0.001", "1", "5"),
    "UNI": ("0.001", "1", "5"),
    "INJ": ("0.001", "0.1", "5"),
}
_PERPETUAL_DEPTH = 4.0  # books hold so much more, and as much more is traded


def spot_symbol(symbol: str) -> str:
    """The spot pair of a unified symbol: itself, or what its perpetual is on."""
    return symbol.partition(":")[0]


def is_perpetual(symbol: str) -> bool:
    return ":" in symbol


def listing_for(symbol: str) -> Listing:
    """The listing of a unified symbol ("BTC/USDT", "BTC/USDT:USDT"). An unknown base gets a market from its name.

    Raises `Misconfigured` for a name that is neither a spot pair nor a linear perpetual.
    """
    pair, _, settled = symbol.partition(":")
    base, _, quote = pair.partition("/")
    is_named = base.isalnum() and quote.isalnum() and symbol == symbol.upper()
    if not is_named or (is_perpetual(symbol) and settled != quote):
        raise Misconfigured(
            f"symbol {symbol!r} is not a spot pair like BTC/USDT nor a linear perpetual like BTC/USDT:USDT; "
            "the sandbox lists only those"
        )
    spot = _spot_listing(pair, base, quote)
    return _perpetual_listing(spot, symbol) if is_perpetual(symbol) else spot


def _spot_listing(symbol: str, base: str, quote: str) -> Listing:
    row = _KNOWN.get(base) or _invented(base)
    price, tick, step, volatility, share, impact, spread, turnover = row
    instrument = Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        kind=InstrumentKind.SPOT,
        price_tick=Decimal(tick),
        quantity_step=Decimal(step),
        min_quantity=Decimal(step),
        max_quantity=Decimal(9_000_000),
        min_notional=MIN_NOTIONAL,
        maker_fee_frac=MAKER_FEE_FRAC,
        taker_fee_frac=TAKER_FEE_FRAC,
    )
    return Listing(instrument, price, volatility, share, impact, spread, turnover)


def _perpetual_listing(spot: Listing, symbol: str) -> Listing:
    """The same market as a perpetual."""
    instrument = spot.instrument
    usual = (str(instrument.price_tick), str(instrument.quantity_step), str(MIN_NOTIONAL))
    tick, step, notional = _PERPETUAL.get(instrument.base, usual)
    return replace(
        spot,
        instrument=replace(
            instrument,
            symbol=symbol,
            kind=InstrumentKind.PERPETUAL,
            price_tick=Decimal(tick),
            quantity_step=Decimal(step),
            min_quantity=Decimal(step),
            max_quantity=Decimal(1_000_000),
            min_notional=Decimal(notional),
            maker_fee_frac=PERPETUAL_MAKER_FEE_FRAC,
            taker_fee_frac=PERPETUAL_TAKER_FEE_FRAC,
        ),
        volume_quote_per_minute=spot.volume_quote_per_minute * _PERPETUAL_DEPTH,
        depth=_PERPETUAL_DEPTH,
    )


def _invented(base: str) -> tuple[float, str, str, float, float, float, float, float]:
    code = zlib.crc32(base.encode())
    price = (1 + code % 900 / 100) * (0.1, 1.0, 10.0)[code // 1_000 % 3]
    tick = "0.0001" if price < 10 else "0.01"
    step = "0.1" if price < 10 else "0.001"
    volatility = 0.5 + code // 7 % 50 / 100
    return price, tick, step, volatility, 0.55, 0.005, 0.0003, 6_000.0


def listings_for(symbols: Iterable[str]) -> dict[str, Listing]:
    """By unified symbol, in the given order."""
    return {symbol: listing_for(symbol) for symbol in symbols}

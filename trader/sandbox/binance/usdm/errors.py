"""The words Binance USD-M has for a refusal of the simulated exchange."""

from typing import NoReturn

from trader.domain.errors import Rejected
from trader.sandbox.binance.protocol.errors import BinanceError
from trader.simulation.perpetual import PRICE_BAND_FRAC

_BY_CODE = {
    "insufficient_margin": (-2019, "Margin is insufficient."),
    "insufficient_funds": (-2018, "Balance is insufficient."),
    "position_too_large": (-2027, "Exceeded the maximum allowable position at current leverage."),
    "leverage": (-4028, "Leverage is not valid"),
    "reduce_only": (-2022, "ReduceOnly Order is rejected."),
    "duplicate_client_id": (-4116, "ClientOrderId is duplicated."),
    "would_match": (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. The order will not be "
        "recorded in the order history",
    ),
    "unfillable": (
        -5021,
        "Due to the order could not be filled immediately, the FOK order has been rejected. The order will not be "
        "recorded in the order history",
    ),
    "would_trigger": (-2021, "Order would immediately trigger."),
    "no_liquidity": (-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit."),
    "lot_size": (-4023, "Qty not increased by step size."),
    "price_filter": (-4014, "Price not increased by tick size."),
    "min_notional": (-4164, "Order's notional must be no smaller than the minimum (unless you choose reduce only)."),
    "price_too_high": (-4016, f"Limit price can't be higher than {1 + PRICE_BAND_FRAC} times the mark price."),
    "price_too_low": (-4024, f"Limit price can't be lower than {1 - PRICE_BAND_FRAC} times the mark price."),
    "unknown_order": (-2011, "Unknown order sent."),
    "unknown_symbol": (-1121, "Invalid symbol."),
}


def refuse(refusal: Rejected) -> NoReturn:
    code, message = _BY_CODE.get(refusal.code, (-1130, f"Invalid data sent: {refusal}"))
    raise BinanceError(code, message) from refusal


def not_offered(what: str) -> BinanceError:
    """Something Binance has and this sandbox does not."""
    return BinanceError(-1020, f"This operation is not supported. (The sandbox has no {what}.)")

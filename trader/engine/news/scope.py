"""What a reconciliation asks the exchange for."""

from collections.abc import Mapping, Sequence

import msgspec

from trader.domain.orders import OrderRef


class ReconcileScope(msgspec.Struct, frozen=True):
    """What a reconciliation asks for: orders of ours not known to have ended, fills and payments since a time."""

    refs: Sequence[OrderRef]
    fills_since_ms: Mapping[str, int]
    payments_since_ms: int | None = None

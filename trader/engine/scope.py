"""What a reconciliation asks the exchange for."""

from collections.abc import Mapping, Sequence

import msgspec

from trader.domain.orders import OrderRef


class ReconcileScope(msgspec.Struct, frozen=True):
    """What a reconciliation asks for: our orders not known to have ended, and fills per symbol since a time."""

    refs: Sequence[OrderRef]
    fills_since_ms: Mapping[str, int]

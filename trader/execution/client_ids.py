"""Client ids derived from what an order is for, so that the same intent can never become two orders."""

from hashlib import blake2b

from trader.domain.orders import Purpose


def client_id_for(ledger_id: str, decision_id: str, purpose: Purpose, step: int) -> str:
    """The client id of the `step`-th order a decision (or a parent order) makes for `purpose`.

    Deterministic, 34 characters of [a-z0-9-]: within every exchange's limit of 36.
    """
    return f"t-{_digest(ledger_id, decision_id, purpose.value, str(step))}"


def parent_id_for(ledger_id: str, decision_id: str, purpose: Purpose) -> str:
    """The id of the parent order of one decision and purpose. A decision that exits twice needs two decision ids."""
    return f"p-{_digest(ledger_id, decision_id, purpose.value, 'parent')}"


def _digest(*parts: str) -> str:
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()

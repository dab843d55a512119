"""The ledger (the only code that changes positions and balances), valuation, performance."""

from trader.portfolio.ledger import Ledger, LedgerChange
from trader.portfolio.valuation import Valuation, open_risk_quote, value

__all__ = ["Ledger", "LedgerChange", "Valuation", "open_risk_quote", "value"]

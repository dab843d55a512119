"""What the account holds and is worth.

ledger     balances and positions: the only code that changes them
lot        the exact cost of one open position
valuation  what the account is worth and what it stands to lose

Begin with `ledger`.
"""

from trader.portfolio.ledger import Ledger, LedgerChange
from trader.portfolio.valuation import Valuation, open_risk_quote, value

__all__ = ["Ledger", "LedgerChange", "Valuation", "open_risk_quote", "value"]

"""What the account holds and is worth.

ledger       balances and positions: the only code that changes them
lot          the exact cost of one open position
holdings     what it holds as floats
valuation    what the account is worth
commitments  what is held, being bought and in doubt: by what every cap is judged

Begin with `ledger`.
"""

from trader.portfolio.commitments import Books, commitments
from trader.portfolio.holdings import Holdings, holdings
from trader.portfolio.ledger import Ledger, LedgerChange
from trader.portfolio.valuation import Valuation, value

__all__ = ["Books", "Holdings", "Ledger", "LedgerChange", "Valuation", "commitments", "holdings", "value"]

"""`python -m trader.bench.rehearsal`: a quick training on made-up rows, from the first import to the last fit."""

from trader.bench.libraries import made_up
from trader.training import StackedEnsemble
from trader.training.profiles import QUICK


def main() -> None:
    """As long and as greedy as a background training of profile `quick`; leaves nothing behind."""
    StackedEnsemble("quick").fit(*made_up(QUICK.largest_rows))


if __name__ == "__main__":
    main()

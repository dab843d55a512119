"""`python -m trader` is the `trader` command."""

from trader.cli import main

if __name__ == "__main__":
    main()

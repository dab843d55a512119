"""ccxt behind the feed and exchange ports. No raw ccxt dict leaves this folder."""

"""The command line: `sojourn serve`, `sojourn demo`, and the processes behind them."""

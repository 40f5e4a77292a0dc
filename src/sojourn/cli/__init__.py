"""The command line: `sojourn serve` and `demo`, the processes behind them, and what operators need."""

"""The gateway beside REST servers of others: `python -m benchmarks.rest`, or `make bench-rest`."""

"""Where accounts, their sessions and their tokens are kept.

- `records`: what is kept: one class for each kind of record
- `interface`: what a store of accounts does
- `memory`: a store in memory, for tests
- `open`: settings -> store
"""

"""twisted.web made fit for strangers: bounded in bytes, in time and in connections, and strict about framing.

- `head`: the head of a request, read strictly; pure
- `body`: the body of a request, plain or in chunks, within a limit; pure
- `channel`: one connection: reads requests in turn, within a time, and closes on what is no HTTP
- `request`: one request and its answer
- `site`: all connections: their bound, their time-outs, the drain
"""

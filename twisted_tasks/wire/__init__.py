"""Any Thrift dialect on one port, for any processor generated with py:twisted. Knows nothing of tasks.

- `server`: the factory: makes connections, and ends them all
- `connection`: one connection: joins what takes messages, keeps the order of replies, sends and waits
- `stages`: the life of a connection, as a table
- `intake`: messages out of what a connection receives, in turns
- `replies`: the calls of a connection, in the order in which their replies go out
- `outbox`: what waits to be sent
- `patience`: a timer for what a client can keep us waiting for
- `roster`: the connections there are, and what they keep together
- `dispatch`: calls to the processor, and what comes of them
- `current`: the call that is being begun, for its handler
- `trace`: W3C Trace Context
- `addresses`: addresses of clients, as people write them
- `descriptors`: how many connections the limit of file descriptors leaves room for
- `limits`: the limits, each with its reason
- `observe`: what an observer of calls and connections is told
- `splitters`: first bytes -> splitter; pure, like all that follow
- `dialect`: first bytes -> dialect
"""

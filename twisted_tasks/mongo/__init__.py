"""A MongoDB driver over txmongo's protocol, with deadlines and failover. It imports nothing of ours.

From the outside in:

- `database`: one database from opening to closing: what a store holds
- `commands`: find, aggregate, insert, update, delete: each with deadline, write concern and number
- `indexes`: indexes, made in the background
- `options`: which MongoDB, and how it is reached; values
- `reply`: what a reply says went wrong
- `causes`: logs why calls fail
- `client`: operations that end by their deadline, and are tried again
- `checkout`: which connection an operation gets, and how it waits for one
- `pool`: connections to the primary, kept ready
- `pool_stages`: when the pool makes connections: a state table
- `topology`: which server is the primary
- `watch`: asks one server what it is
- `dialer`: makes connections: reach, greet, log in
- `connection`: one connection: deadlines, and how it ends
- `decoding`: what is in a reply, also where documents hold what cannot be decoded
- `auth`: SCRAM and X.509
- `tls`: how to reach a server, with TLS or without
- `srv`: which servers a `mongodb+srv` name stands for
- `uri`: MongoDB's URIs, and which of their options can be honoured
- `backoff`: pauses between attempts
- `background`: coroutines that run beside the operations
"""

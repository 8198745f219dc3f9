"""thriftpy2's `make_server`, as the tutorial has it: a thread for each connection.

By default but for two things. All servers here are spoken to in frames; without them this one sends a long reply in
pieces, with Nagle's algorithm on, and so waits 40 ms for the client's delayed acknowledgement between the first two.
And it does not hang up after three seconds of silence, which with 512 threads some clients would suffer by its fault.

https://thriftpy2.readthedocs.io
"""

from __future__ import annotations

from pathlib import Path

import thriftpy2
from thriftpy2.rpc import make_server
from thriftpy2.transport import TCyFramedTransportFactory

from benchmarks.servers.documents import command_line
from benchmarks.servers.threads import BlockingHandler

IDL = Path(__file__).parents[2] / "tests/integration/tutorial.thrift"

if __name__ == "__main__":
    port, uri, database = command_line()
    idl = thriftpy2.load(str(IDL), module_name="tutorial_thrift")
    handler = BlockingHandler(uri, database, idl)
    framed = TCyFramedTransportFactory()
    make_server(idl.Tasks, handler, "127.0.0.1", port, trans_factory=framed, client_timeout=None).serve()

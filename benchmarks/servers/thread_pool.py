"""Apache Thrift's TThreadPoolServer, framed, with its codec in C.

https://github.com/apache/thrift/blob/master/tutorial/py/PythonServer.py
"""

from __future__ import annotations

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAcceleratedFactory
from thrift.server.TServer import TThreadPoolServer
from thrift.transport.TSocket import TServerSocket
from thrift.transport.TTransport import TFramedTransportFactory

from benchmarks.servers.documents import command_line
from benchmarks.servers.threads import BlockingHandler
from tests.integration.gen.tutorial import Tasks, ttypes

# A thread keeps its connection until that ends: with fewer threads than connections some would never be answered.
THREADS = 512

if __name__ == "__main__":
    port, uri, database = command_line()
    server = TThreadPoolServer(
        Tasks.Processor(BlockingHandler(uri, database, ttypes)),
        TServerSocket("127.0.0.1", port),
        TFramedTransportFactory(),
        TBinaryProtocolAcceleratedFactory(),
    )
    server.setNumThreads(THREADS)
    server.serve()

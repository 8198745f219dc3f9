"""Apache Thrift's TNonblockingServer: one thread polls, ten work, which is its default; always framed."""

from __future__ import annotations

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAcceleratedFactory
from thrift.server.TNonblockingServer import TNonblockingServer
from thrift.transport.TSocket import TServerSocket

from benchmarks.servers.documents import command_line
from benchmarks.servers.threads import BlockingHandler
from tests.integration.gen.tutorial import Tasks, ttypes

if __name__ == "__main__":
    port, uri, database = command_line()
    processor = Tasks.Processor(BlockingHandler(uri, database, ttypes))
    TNonblockingServer(processor, TServerSocket("127.0.0.1", port), TBinaryProtocolAcceleratedFactory()).serve()

"""Written by the Thrift compiler: make thrift."""

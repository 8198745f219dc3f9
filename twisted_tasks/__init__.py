"""The Tasks service: a Twisted daemon that stores and manages to-do tasks over Apache Thrift."""

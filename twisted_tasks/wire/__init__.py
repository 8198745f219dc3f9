"""Any Thrift dialect on one port, for any processor generated with py:twisted. Knows nothing of tasks."""

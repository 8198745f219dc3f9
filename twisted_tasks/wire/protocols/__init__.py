"""Thrift's protocols: heads, walks and calls. Pure.

- `codec`: what the wire layer needs of each protocol
- `head`: the head of a message, and what several protocols read alike
- `walking`: how far a walk through a message has come, and how far it may go
- `exchange`: one message and its reply, as generated code reads and writes them
- `texts`: whether strings that were decoded are what the client sent
- `binary`: the binary protocol, both forms
- `compact`: the compact protocol
- `json`: Thrift's JSON protocol
- `json_values`: values of Thrift's types as JSON has them
- `thriftpy2`: the JSON that only thriftpy2 speaks
"""

"""Thrift's transports: whole messages out of a stream of bytes. Pure.

- `messages`: what splitters give: calls, and what takes the place of one
- `buffer`: bytes that were received and not used yet, and frames out of them
- `reader`: messages whose bytes are all there, walked through in turns
- `plain`: splitters of framed and unframed messages
- `header`: the same of THeader frames
- `http`: the same of HTTP requests
- `zlib`: the same of compressed streams, with messages inside
- `around`: frames around any of these, which mean nothing by themselves
- `inflate`: how much compressed bytes may become
"""

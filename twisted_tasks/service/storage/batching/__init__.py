"""Group commit over any store: calls that wait leave together.

- `store`: the store that asks another one in batches
- `queue`: the queue of one kind of operation
- `queues`: the queues of the kinds of operations: reads, lists, and changes of tasks
- `lines`: changes of one task stand in line, one after another
- `call`: one call that waits for its batch
- `alarm`: one timer for many moments
- `rescue`: sends the parts of a batch that failed as a whole
- `divide`: how to divide such a batch, to find the items that are to blame
"""

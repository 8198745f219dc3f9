"""Where tasks are kept: the interface, the stores behind it, and the wrappers over it.

- `interface`: `ITaskStore`: batches of operations in, one outcome per operation out; `ITaskScan`: all tasks, in order
- `rules`: what a change, a removal or a restoration makes of a task
- `memory`: tasks in a dictionary, for tests
- `memory_log`: in which order these changed
- `open`: settings -> store
- `copying`: one store to another, by walking both in the order of ids
"""

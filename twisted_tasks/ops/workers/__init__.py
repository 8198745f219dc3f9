"""Several processes on the same sockets.

- `parent`: what twistd runs in the process that has workers
- `supervisor`: keeps several workers running, and speaks for them
- `handle`: one worker as the supervisor sees it
- `spawn`: starts workers' processes
- `__main__`: runs twistd in a worker's process
- `worker`: what twistd runs there
- `channel`: what supervisor and workers say to one another
- `sockets`: listening sockets that processes share
- `tally`: the metrics of several processes added up
"""

"""The service and the gateway in one process, `twistd tasks-app`: for trying out, and for small installations.

- `tap`: the command line
- `config`: settings of both
- `assembly`: puts both together
- `inside`: a connection that does not leave the process
"""

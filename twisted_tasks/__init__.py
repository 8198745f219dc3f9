"""A to-do application as Twisted daemons: a service over Apache Thrift, an API gateway, and a web page.

The folder `model/` says what a task is and the rules of every field. Beside it:

- `convert`: tasks as the model has them <-> as the generated code has them
- `reactor`: what we need of Twisted's reactor, as types
- `hostname`: how to reach a host by any name the machine's resolver knows
- `healthcheck`: a container's health check: one call of `check` as an exit status
- `testing`: the service in memory, for the tests of programs that call it
- `tap`: where applications that embed the Tasks service import it from
"""

"""The Tasks service, `twistd tasks`: stores and manages tasks, over Thrift.

- `config`: the settings, checked against each other; no Twisted, nor in the next
- `config_table`: every setting, one row each
- `handler`: the IDL's methods: check, ask the store, answer
- `arguments`: what calls bring -> values of the model, checked
- `batch`: many changes in few questions to the store
- `tap`: options and `makeService`
- `assembly`: puts the parts together: the `Program` that `ops` runs
- `telemetry`: what the wire layer counts -> metrics and log lines
- `store_metrics`: what the store is asked, and how it is, as metrics
"""

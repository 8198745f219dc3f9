"""Tasks over the gateway's REST API: what the commands use of `TasksClient`, for `--server https://...`.

- `address`: addresses of gateways
- `client`: the client: its calls are those of `TasksClient`
- `additions`: tasks to add that leave together
- `exchange`: one request: deadline, repetitions, errors
- `http`: a request over HTTP with Twisted's Agent
- `values`: tasks as JSON has them
- `login`: a password becomes a token
- `errors`: what can go wrong, beside `client.errors`
- `credentials`: the user's file of tokens
"""

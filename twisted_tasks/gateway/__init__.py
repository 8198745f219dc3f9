"""The API gateway: what the outside reaches, `twistd tasks-gateway`.

- `tap`: the command line
- `config_table`: every setting
- `config`: settings, checked against each other
- `assembly`: puts the gateway together
- `site`: the public port
- `backend`: accounts and the Tasks service, opened, closed and looked at together
- `janitor`: finishes deleting accounts
"""

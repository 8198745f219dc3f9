"""The `tasks` command, for people at a terminal and for scripts. docs/client.md shows its use."""

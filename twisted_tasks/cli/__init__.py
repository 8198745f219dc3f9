"""The `tasks` command, for people at a terminal and for scripts. docs/client.md shows its use.

A module of commands has only their options and help; what does the work is imported when a command runs.

- `accounts`: the command `accounts`, for operators of a gateway
- `administering`: what it does
- `app`: the `tasks` command: its subcommands, put together
- `backing_up`: what `backup` does: a new file, complete and verified before it has its name
- `copy`: the commands `copy` and `backup`
- `copying`: what `copy` does: walk both stores side by side
- `dates`: due dates as people type them, and as they are compared
- `entry`: where the command begins and ends
- `explain`: errors in one line that says what to do
- `exporting`: what `export` does
- `figures`: what a load test measures
- `importing`: what `import` does
- `listing`: the commands `ls` and `sync`
- `load`: the command `load`
- `loading`: what it does: callers who call one after the other
- `login`: the commands `login` and `logout`
- `options`: options every command takes
- `progress`: how far, how fast, how long still
- `run`: the reactor for one command: coroutine in, exit status out
- `running`: running the work of a command
- `screen`: how tasks are shown: a table, lines, JSON
- `short_ids`: short ids, and which task they stand for
- `source`: bytes of a file or a pipe while the reactor goes on
- `status`: exit statuses, and mistakes on the command line
- `stores`: stores named on the command line
- `streams`: standard streams that may be closed or full
- `tasks`: the commands on single tasks
- `transfer`: the commands `import` and `export`
"""

"""What operators meet, for any daemon: settings, start and stop, signals, logs, metrics, health, TLS, workers.

A daemon is a `program.Program`; `ops` knows none.

- `program`: what a daemon brings, and what it is given
- `settings`: settings of a table, from options and environment
- `values`: what the text of a setting may be
- `daemon_settings`: the settings every daemon has
- `store_settings`: the settings that choose SQLite or MongoDB
- `options`: the command line, `--check-config`
- `twistd`: what twistd runs: one process, one with workers, or a worker
- `application`: what those have in common
- `assembly`: the parts every daemon has, around its own
- `daemon`: the order in which everything starts and stops
- `start`: why a daemon cannot start
- `listening`: the ports
- `companions`: services that start before a daemon and stop after it
- `clock`: a clock that does not jump
- `looping`: work that goes on when it fails once
- `probe`: looks in the background whether what is behind the daemon works, tells at once
- `readiness`: whether calls should come here
- `signals`: signals, as functions
- `shutdown`: how a process ends, and that it does
- `tuning`: the limit of open files, garbage collection
- `metrics`: counters and histograms that are cheap to keep
- `runtime`: how the process is: reactor lag, memory, collections, versions
- `http`: health and metrics over HTTP
- `logs`: where log events go, and how they look
- `tls`: TLS from files that may change
- `notify`: tells systemd how the daemon is
"""

"""`tasks doctor`: checks a server, and the store behind it.

- `dialects`: which dialects a server answers in
- `checkup`: the whole check-up, of servers and store
- `command`: `tasks doctor`
- `mongo`: its look at a MongoDB
- `server`: its look at a server
- `sqlite`: its look at an SQLite file
- `findings`: what a check-up finds
"""

"""Tasks in an SQLite file. The numbered .sql files are the steps of its schema.

- `store`: tasks in an SQLite file: the store
- `database`: runs the steps of `reads`, `writes` and `change_log` in threads
- `rows`: rows of the tables, and the cursor they are asked by
- `reads`: what is read from the file
- `writes`: what is written to it
- `change_log`: what became of tasks since a token was handed out
- `backup`: a new file of what one has that may be in use
- `upkeep`: upgrades the file when it is opened, and forgets old removed tasks
- `schema`: what its file is known by
"""

"""An SQLite file that a daemon keeps: its schema, its threads, and whether it works.

- `schema`: which version a file has, and how it gets to the newest
- `database`: a file in use: transactions in threads, by deadlines
- `connection`: what the threads work with
- `file`: whether the file in use is still the file its path leads to
- `verdict`: whether reading, or writing, works
"""

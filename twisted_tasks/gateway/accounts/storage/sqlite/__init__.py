"""Accounts in an SQLite file. The numbered .sql files are the steps of its schema.

- `store`: accounts in an SQLite file: the store
- `together`: writes that are committed together
- `statements`: what is asked of the file, in SQL
- `schema`: what its file is known by
"""

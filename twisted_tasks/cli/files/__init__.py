"""Tasks in files: read from what many programs write, written as JSON Lines and CSV. Pure: bytes in, rows out.

- `records`: what is read from files, what can be wrong with them, and cutting them into records
- `fields`: what the fields of other programs' files mean
- `formats`: which formats there are, and telling which one a file has
- `csv`: CSV of ours, and of spreadsheets
- `json`: JSON Lines, and JSON documents
- `google`: Google Takeout
- `microsoft`: Microsoft To Do
- `taskwarrior`: Taskwarrior's export
- `todoist`: Todoist's export
- `todotxt`: todo.txt
- `replacing`: a file that is written whole or not at all
- `writing`: JSON Lines and CSV, a record at a time
"""

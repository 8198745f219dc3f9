"""Tasks in MongoDB.

- `store`: the store itself, from opening to closing; batches
- `operations`: adding, looking up, listing, and why repeating that is safe
- `updating`: changes with and without a condition
- `removal`: removing tasks, so that each is kept for a while
- `restoring`: bringing removed tasks back
- `emptying`: removing everything of a user
- `changes`: what became of a user's tasks since a token
- `changed_users`: which of many users have anything newer than their token
- `copying`: reading and writing all that is kept of tasks
- `paging`: pages of a list, whatever the database holds; which questions share a command
- `access`: what every operation needs: the database, and where to report what it meets
- `documents`: tasks as documents, and back; pure
- `removed`: removed tasks as documents, and back; pure
- `syncs`: tokens of `changes`, and when they are no longer good; pure
- `store_id`: a number that tells a database from others
- `reads`: the commands that read; pure
- `writes`: the commands that write; pure
- `inspection`: what somebody has set up that will refuse tasks for good; pure
- `together`: coroutines that are parts of one operation
- `skipped`: names documents that cannot be tasks
"""

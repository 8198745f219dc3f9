"""Accounts: who may log in, and how they show who they are. Knows no HTTP and no tasks.

- `service`: `Accounts`, what the API asks; the other modules are its parts
- `model`: accounts, sessions, tokens and settings, as values
- `errors`: how asking can go wrong
- `logins`: signing up, logging in, confirming by the current password
- `sessions`: logins that hold
- `tokens`: what programs show in the place of a session
- `belief`: an answer that is believed for one second
- `administration`: what an operator does
- `resets`: links by which a new password can be set
- `leaving`: deleting an account, in steps that can be repeated
- `keys`: idempotency keys
- `throttle`: delays after wrong passwords
- `addresses`: which addresses count as one, and which an account knows
- `usernames`: what can be a username, and which are the same
- `hashing`: passwords' hashes, in threads
- `policy`: which passwords are refused
- `common`: common passwords and words
- `breached`: an operator's file of passwords that were seen in breaches
- `secrets`: random secrets, and what is kept of them
- `asking`: questions to the store, each with a deadline
"""

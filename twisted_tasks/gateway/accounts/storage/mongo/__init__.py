"""Accounts in MongoDB.

- `store`: accounts in MongoDB: the store
- `documents`: records as documents, conditions as filters, indexes
"""

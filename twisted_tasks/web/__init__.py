"""The web UI as files: what Vite built from the top level's `web/`, and the resource that serves it.

- `files`: reads what was built, with its types, validators and compressed variants
- `resource`: serves it over twisted.web
"""

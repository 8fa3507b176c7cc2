"""The emulator's Google half: Cloud Run, Artifact Registry, Cloud Storage, IAM, Service Usage, OAuth 2.0.

MiniStack has none of it. What Google's APIs answer is cited by the title of their reference pages.
"""

"""The emulator's Google half: Cloud Run, Artifact Registry, Cloud Storage, Secret Manager, IAM, Service Usage and
OAuth 2.0.

MiniStack has none of it. What Google's APIs answer is cited by the title of their reference pages.
"""

"""Organization policies."""

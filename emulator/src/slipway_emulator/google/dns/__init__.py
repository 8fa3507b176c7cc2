"""Cloud DNS."""

"""The protocols of AWS APIs, for services whose operations are methods."""

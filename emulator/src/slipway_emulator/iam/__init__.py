"""AWS Identity and Access Management: who may do what, decided before any service answers."""

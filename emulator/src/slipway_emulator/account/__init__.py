"""AWS Account Management: which regions an account has enabled."""

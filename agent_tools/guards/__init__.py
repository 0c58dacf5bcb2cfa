"""What agents may not say."""

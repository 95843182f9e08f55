"""Built-in roles as sets of permissions."""

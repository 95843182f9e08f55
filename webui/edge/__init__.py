"""What every request passes: host, identity, permission, forgery, limits, headers and errors."""

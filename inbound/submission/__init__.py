"""Mail that tenants' programs hand in by SMTP, with an API key as password (RFC 6409)."""

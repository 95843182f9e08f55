"""DKIM: keys, the DNS records that publish them, and a fast signer (RFC 6376, 8301, 8463)."""

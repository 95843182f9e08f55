"""Who a mail proves to come from: SPF, DKIM and ARC, recorded and shown, never trusted more than the token."""

"""The SMTP service: takes mail that comes back, and keeps it before it says so."""

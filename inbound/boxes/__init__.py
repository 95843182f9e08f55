"""Mailboxes at other servers that are emptied into the mailroom, for relays that let nobody set a return path."""

"""Single messages: accepted one at a time, kept before they are acknowledged."""

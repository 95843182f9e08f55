"""Users, their memberships, sign-in and sessions."""

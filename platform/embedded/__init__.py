"""Real PostgreSQL and Redis under one data folder, on private sockets, for one machine without services of its own."""

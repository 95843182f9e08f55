"""The tables that the code knows are the tables that the revisions make."""

from __future__ import annotations

import psycopg

from posthouse.platform.db import db


def test_every_mapped_table_and_column_is_in_the_database(app, settings):
    with psycopg.connect(settings.database_url) as live:
        query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        present = set(live.execute(query).fetchall())
    mapped = {(table.name, column.name) for table in db.metadata.tables.values() for column in table.columns}
    assert len({name for name, _ in mapped}) > 40
    assert mapped - present == set()

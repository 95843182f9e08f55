"""The doctor finds a role that is missing, can't log in, or can do more than it should, each planted in a real server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posthouse.platform.db import role_url
from posthouse.platform.doctor import roles
from posthouse.platform.doctor.findings import Level
from posthouse.platform.secrets import database_password, new_key, parse_keys


def _fails(ground):
    return [one for one in roles.look(ground) if one.level is Level.FAIL]


def test_the_migrated_roles_are_well(site):
    assert _fails(site.ground) == []


FAULTS = {
    "posthouse_edge": ("ALTER ROLE posthouse_edge RENAME TO gone", "ALTER ROLE gone RENAME TO posthouse_edge", "missing: posthouse_edge"),
    "no login": ("ALTER ROLE posthouse_app NOLOGIN", "ALTER ROLE posthouse_app LOGIN", "posthouse_app can't log in"),
    "bypass": ("ALTER ROLE posthouse_app BYPASSRLS", "ALTER ROLE posthouse_app NOBYPASSRLS", "posthouse_app goes around row security"),
    "superuser": ("ALTER ROLE posthouse_worker SUPERUSER", "ALTER ROLE posthouse_worker NOSUPERUSER", "posthouse_worker is a superuser"),
    "createrole": ("ALTER ROLE posthouse_sched CREATEROLE", "ALTER ROLE posthouse_sched NOCREATEROLE", "posthouse_sched may make roles"),
    "owner logs in": ("ALTER ROLE posthouse_owner LOGIN", "ALTER ROLE posthouse_owner NOLOGIN", "posthouse_owner may log in"),
    "member": (
        "GRANT posthouse_operator TO posthouse_app",
        "REVOKE posthouse_operator FROM posthouse_app",
        "posthouse_app may become posthouse_operator",
    ),
    "owns": ("ALTER TABLE contact OWNER TO posthouse_app", "ALTER TABLE contact OWNER TO posthouse_owner", "posthouse_app owns contact"),
    "truncate": (
        "GRANT TRUNCATE ON contact TO posthouse_app",
        "REVOKE TRUNCATE ON contact FROM posthouse_app",
        "posthouse_app has TRUNCATE",
    ),
    "everybody": ("GRANT SELECT ON contact TO PUBLIC", "REVOKE SELECT ON contact FROM PUBLIC", "everybody has SELECT on contact"),
    "create": ("GRANT CREATE ON SCHEMA public TO posthouse_app", "REVOKE CREATE ON SCHEMA public FROM posthouse_app", "may make objects"),
    "wall down": (
        "ALTER TABLE contact NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE contact FORCE ROW LEVEL SECURITY",
        "contact has no forced row security",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_is_found(site, fault):
    plant, mend, says = FAULTS[fault]
    if fault == "owns":  # the migrations' grants to the role go with a change of owner, so they are given back
        mend += "; GRANT SELECT, INSERT, UPDATE, DELETE ON contact TO posthouse_app"
    site.sql(plant)
    try:
        found = _fails(site.ground)
    finally:
        site.sql(*mend.split("; "))
        if "RENAME" in plant or fault == "no login":
            site.sql(f"ALTER ROLE posthouse_edge PASSWORD '{database_password(site.ground.keyring, 'edge')}'")
    assert any(says in one.what for one in found), found
    assert all(one.do for one in found)
    assert _fails(site.ground) == []


def test_what_the_doctor_advises_takes_the_fault_away(site):
    site.sql("ALTER ROLE posthouse_app CREATEDB", "GRANT TRIGGER ON contact TO posthouse_edge", "GRANT posthouse_owner TO posthouse_worker")
    advice = [one.do.removeprefix("As an administrator: ") for one in _fails(site.ground)]
    assert len(advice) >= 3
    site.sql(*advice)
    assert _fails(site.ground) == []


def test_a_policy_that_lets_rows_through_is_seen_by_trying(site):
    """Row security is on and forced, and yet the app role reads a row with no tenant set."""
    site.sql(
        "CREATE TABLE leak (tenant_id bigint NOT NULL)",
        "INSERT INTO leak VALUES (1)",
        "ALTER TABLE leak OWNER TO posthouse_owner",
        "ALTER TABLE leak ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE leak FORCE ROW LEVEL SECURITY",
        "CREATE POLICY open ON leak USING (true)",
        "GRANT SELECT ON leak TO posthouse_app",
    )
    try:
        found = _fails(site.ground)
    finally:
        site.sql("DROP TABLE leak")
    assert [one.what for one in found] == ["posthouse_app reads without a tenant: leak"]


def test_wrong_passwords_are_told_role_by_role(site):
    """With another installation's master key no role gets in; the passwords themselves are not shown."""
    other = parse_keys(new_key())
    found = _fails(replace(site.ground, keyring=other))
    assert len(found) == len(roles.LOGIN_ROLES)
    assert all("password authentication failed" in one.what for one in found)
    shown = " ".join(one.what + one.do for one in found)
    assert not any(role_url(site.settings.database_url, role, other).password in shown for role in roles.LOGIN_ROLES)


def test_without_a_key_nobody_logs_in(site):
    assert [one.what for one in _fails(replace(site.ground, keyring=None))] == ["without a master key there is no password to log in with"]

"""Questions to PostgreSQL's catalogue that find what would cross tenants in spite of row security. Each lists its findings."""

from __future__ import annotations

SCOPED = (
    "SELECT c.oid, c.relname, a.attname AS scope, a.attnum FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('tenant_id', 'reseller_id') AND NOT a.attisdropped"
    " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')"
)
ABOUT = (
    "(%1$I = COALESCE(( SELECT (NULLIF(current_setting(''posthouse.tenant_id''::text, true), ''''::text))::bigint AS \"nullif\"), %1$I))"
)
ABOUT_SOME = (  # where a row need not be about a tenant
    "COALESCE((for_tenant_id = ( SELECT (NULLIF(current_setting(''posthouse.tenant_id''::text, true), ''''::text))::bigint AS \"nullif\")), true)"
)
POLICY = "(%I = ( SELECT (NULLIF(current_setting(''posthouse.%s''::text, true), ''''::text))::bigint AS \"nullif\"))"

QUERIES: dict[str, str] = {
    "row security off or not forced": f"SELECT s.relname FROM ({SCOPED}) s JOIN pg_class c ON c.oid = s.oid"
    " WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity)",
    "policy with another text": f"SELECT p.tablename || '.' || p.policyname FROM pg_policies p JOIN ({SCOPED}) s ON s.relname = p.tablename"
    f" WHERE NOT (p.policyname LIKE 'across%' AND p.roles <@ ARRAY['posthouse_sched', 'posthouse_lookup', 'posthouse_operator']::name[])"
    " AND NOT (p.policyname = 'own_scope' AND p.permissive = 'PERMISSIVE' AND p.cmd = 'ALL'"
    " AND p.roles <@ ARRAY['posthouse_app', 'posthouse_worker', 'posthouse_edge']::name[]"
    f" AND p.qual = format('{POLICY}', s.scope, s.scope) AND p.with_check = p.qual)"
    " AND NOT (p.policyname = 'own_tenant' AND p.permissive = 'RESTRICTIVE' AND p.cmd = 'ALL' AND s.scope = 'reseller_id'"
    f" AND p.qual IN (format('{ABOUT}', 'for_tenant_id'), format('{ABOUT}', 'id'), '{ABOUT_SOME}') AND p.with_check = p.qual)",
    "rows about tenants that siblings could read": f"SELECT s.relname FROM ({SCOPED}) s JOIN pg_attribute a ON a.attrelid = s.oid"
    " AND a.attname = 'for_tenant_id' WHERE s.scope = 'reseller_id' AND NOT EXISTS (SELECT FROM pg_policies p"
    " WHERE p.tablename = s.relname AND p.policyname = 'own_tenant')",
    "table without scope column": "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
    " AND a.attname IN ('tenant_id', 'reseller_id') AND NOT a.attisdropped)",
    "table with two scope columns": f"SELECT s.relname FROM ({SCOPED}) s GROUP BY 1 HAVING count(*) > 1",
    "unique key without scope column first": f"SELECT i.indexrelid::regclass::text FROM pg_index i JOIN ({SCOPED}) s ON s.oid = i.indrelid"
    " WHERE (i.indisunique OR i.indisexclusion) AND i.indkey[0] <> s.attnum",
    "foreign key without scope column": f"SELECT k.conname FROM pg_constraint k JOIN ({SCOPED}) s ON s.oid = k.conrelid"
    f" JOIN ({SCOPED}) t ON t.oid = k.confrelid WHERE k.contype = 'f' AND s.scope = t.scope"
    " AND NOT EXISTS (SELECT FROM generate_subscripts(k.conkey, 1) g WHERE k.conkey[g] = s.attnum AND k.confkey[g] = t.attnum)",
    "view without security_invoker": "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'"
    " AND (c.relkind = 'm' OR (c.relkind = 'v' AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false)))",
    "definer function with a free search path": "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " WHERE n.nspname = 'public' AND p.prosecdef AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, public'], false)",
    # A definer function sees across tenants: it belongs to posthouse_lookup, and only those who are named may call it.
    "definer function of another or for everybody": "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " WHERE n.nspname = 'public' AND p.prosecdef AND (pg_get_userbyid(p.proowner) <> 'posthouse_lookup' OR EXISTS (SELECT"
    " FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g WHERE g.grantee = 0))",
    "grant that steps over the wall": "SELECT grantee || ' ' || privilege_type || ' ' || table_name FROM information_schema.role_table_grants"
    " WHERE table_schema = 'public' AND grantee IN ('PUBLIC', 'posthouse_app', 'posthouse_worker', 'posthouse_edge', 'posthouse_sched',"
    " 'posthouse_lookup', 'posthouse_operator') AND privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')",
    # Roles with policies of their own see across tenants, so nobody may become one; the owner only hands functions over.
    "role that may become another": "SELECT m.rolname || ' may become ' || r.rolname FROM pg_auth_members a"
    " JOIN pg_roles m ON m.oid = a.member JOIN pg_roles r ON r.oid = a.roleid WHERE m.rolname LIKE 'posthouse\\_%'"
    " AND (m.rolname, r.rolname) <> ('posthouse_owner', 'posthouse_lookup')",
    "role above the wall": "SELECT r.rolname FROM pg_roles r WHERE r.rolname IN ('posthouse_app', 'posthouse_worker', 'posthouse_edge',"
    " 'posthouse_sched', 'posthouse_operator', 'posthouse_lookup') AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole"
    " OR pg_has_role(r.rolname, 'posthouse_owner', 'MEMBER'))",
    "index that row security switches off": f"SELECT i.indexrelid::regclass::text FROM pg_index i JOIN ({SCOPED}) s ON s.oid = i.indrelid"
    " WHERE i.indexprs IS NOT NULL",
}

# What each question must find: a fault planted in a transaction that is rolled back.
FAULTS: dict[str, str] = {
    "row security off or not forced": "ALTER TABLE contact NO FORCE ROW LEVEL SECURITY",
    "policy with another text": "CREATE POLICY admins ON contact TO posthouse_app USING (true OR tenant_id = 1)",
    "rows about tenants that siblings could read": "DROP POLICY own_tenant ON tenant_day",
    "table without scope column": "CREATE TABLE leak (id bigint PRIMARY KEY)",
    "table with two scope columns": "ALTER TABLE contact ADD COLUMN reseller_id bigint",
    "unique key without scope column first": "CREATE UNIQUE INDEX leak ON contact (email_norm)",
    "foreign key without scope column": "ALTER TABLE contact ADD CONSTRAINT c_one UNIQUE (id);"
    " ALTER TABLE subscription ADD CONSTRAINT leak FOREIGN KEY (contact_id) REFERENCES contact (id)",
    "view without security_invoker": "CREATE VIEW leak AS SELECT * FROM contact",
    "definer function with a free search path": "CREATE FUNCTION leak() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::bigint'",
    "definer function of another or for everybody": "CREATE FUNCTION leak() RETURNS bigint LANGUAGE sql SECURITY DEFINER"
    " SET search_path = pg_catalog, public AS 'SELECT 1::bigint'",
    "role that may become another": "GRANT posthouse_operator TO posthouse_app",
    "grant that steps over the wall": "GRANT TRUNCATE ON contact TO posthouse_app",
    "role above the wall": "ALTER ROLE posthouse_app BYPASSRLS",
    "index that row security switches off": "CREATE INDEX leak ON contact (tenant_id, lower(email))",
}

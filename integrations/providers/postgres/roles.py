"""What a login may do beyond reading the allowed tables. SQL mode runs only where the answer is: nothing."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from integrations import errors

_SHOWN = 5
# Functions of these look at nothing but their arguments, though they are written in C.
_HARMLESS_EXTENSIONS = (
    *("btree_gin", "btree_gist", "citext", "cube", "earthdistance", "fuzzystrmatch", "hstore", "intarray"),
    *("isn", "ltree", "pg_trgm", "pgcrypto", "seg", "unaccent", "uuid-ossp", "vector"),
)
# What pg_catalog keeps from everybody until somebody grants it.
_GUARDED_TABLES = (
    *("pg_authid", "pg_file_settings", "pg_hba_file_rules", "pg_ident_file_mappings", "pg_largeobject"),
    *("pg_shadow", "pg_statistic", "pg_statistic_ext_data", "pg_user_mapping"),
)
_GUARDED_FUNCTIONS = (
    *("lo_export", "lo_import", "pg_ls_dir", "pg_read_binary_file", "pg_read_file", "pg_reload_conf"),
    *("pg_rotate_logfile", "pg_stat_file"),
)
_WORDS = {
    "role": "atributos de administrador ({names})",
    "member": "participação em outros papéis ({names})",
    "owner": "objetos que são dele",
    "read": "leitura fora da lista ({names})",
    "write": "escrita ({names})",
    "create": "criação de objetos ({names})",
    "function": "funções que agem com poderes de outro usuário ou fora do banco ({names})",
    "server": "servidores externos ({names})",
    "large": "objetos grandes (large objects)",
}

# Only what can be reached counts: without USAGE on the schema no name in it can be looked up. Not counted:
# TEMP, which everybody has by default, for a read-only transaction creates no table, temporary or not.
EXCESS = sql.SQL(
    "WITH me AS (SELECT r.* FROM pg_catalog.pg_roles r WHERE r.rolname = session_user), "
    "open_schemas AS (SELECT n.oid, n.nspname, "
    "n.nspname IN ('pg_catalog', 'information_schema') AS is_system "
    "FROM pg_catalog.pg_namespace n WHERE pg_catalog.has_schema_privilege(n.oid, 'USAGE')), "
    "relations AS (SELECT c.oid, c.relkind, n.nspname, c.relname, "
    "n.nspname = %s::pg_catalog.text AND c.relname = ANY(%s::pg_catalog.text[]) AS is_listed "
    "FROM pg_catalog.pg_class c JOIN open_schemas n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') "
    "AND (NOT n.is_system OR c.relname = ANY({guarded_tables}))), "
    # By name, or by a cast, for which no schema is looked up.
    "callable AS (SELECT p.*, n.nspname, n.nspname IN ('pg_catalog', 'information_schema') AS is_system "
    "FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
    "WHERE pg_catalog.has_function_privilege(p.oid, 'EXECUTE') AND (n.oid IN (SELECT oid FROM open_schemas) "
    "OR p.oid IN (SELECT castfunc FROM pg_catalog.pg_cast)) "
    "AND p.prorettype NOT IN ('pg_catalog.trigger'::pg_catalog.regtype, "
    "'pg_catalog.event_trigger'::pg_catalog.regtype)), "
    "functions AS (SELECT p.nspname, p.proname FROM callable p "
    "JOIN pg_catalog.pg_language l ON l.oid = p.prolang WHERE p.prosecdef "
    "OR p.is_system AND p.proname = ANY({guarded_functions}) "
    "OR p.oid IN (SELECT g.aggfnoid FROM pg_catalog.pg_aggregate g JOIN pg_catalog.pg_proc f ON f.oid "
    "IN (g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn, g.aggdeserialfn, g.aggmtransfn, "
    "g.aggminvtransfn, g.aggmfinalfn) WHERE f.prosecdef) "
    "OR NOT p.is_system AND p.prokind <> 'a' AND NOT l.lanpltrusted "
    "AND NOT (l.lanname = 'internal' AND p.prosrc LIKE '%%range_constructor%%') AND NOT EXISTS ("
    "SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid "
    "WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e' "
    "AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND e.extname = ANY({extensions}))) "
    "SELECT kind, name::pg_catalog.text FROM ("
    "SELECT 1 AS place, 'role' AS kind, a.name FROM me, LATERAL (VALUES ('SUPERUSER', rolsuper), "
    "('BYPASSRLS', rolbypassrls), ('CREATEROLE', rolcreaterole), ('CREATEDB', rolcreatedb), "
    "('REPLICATION', rolreplication)) a (name, has) WHERE a.has "
    "UNION ALL SELECT 1, 'role', 'SET ROLE' WHERE current_user <> session_user "
    "UNION ALL SELECT 2, 'member', g.rolname FROM me JOIN pg_catalog.pg_auth_members m ON m.member = me.oid "
    "JOIN pg_catalog.pg_roles g ON g.oid = m.roleid "
    "UNION ALL SELECT 3, 'owner', '' FROM me WHERE EXISTS (SELECT FROM pg_catalog.pg_shdepend d "
    "WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = me.oid "
    "AND d.deptype = 'o') "
    "UNION ALL SELECT 4, 'read', nspname || '.' || relname FROM relations WHERE NOT is_listed "
    "AND CASE relkind WHEN 'S' THEN pg_catalog.has_sequence_privilege(oid, 'SELECT') "
    "ELSE pg_catalog.has_any_column_privilege(oid, 'SELECT') END "
    "UNION ALL SELECT 5, 'write', nspname || '.' || relname FROM relations WHERE CASE relkind "
    "WHEN 'S' THEN pg_catalog.has_sequence_privilege(oid, 'USAGE, UPDATE') "
    "ELSE pg_catalog.has_table_privilege(oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') "
    "OR pg_catalog.has_any_column_privilege(oid, 'INSERT, UPDATE, REFERENCES') END "
    "UNION ALL SELECT 6, 'create', 'schema ' || n.nspname FROM pg_catalog.pg_namespace n "
    "WHERE pg_catalog.has_schema_privilege(n.oid, 'CREATE') "
    "UNION ALL SELECT 6, 'create', 'database ' || d.datname FROM pg_catalog.pg_database d "
    "WHERE d.datname = pg_catalog.current_database() AND pg_catalog.has_database_privilege(d.oid, 'CREATE') "
    "UNION ALL SELECT 7, 'function', nspname || '.' || proname FROM functions "
    "UNION ALL SELECT 8, 'server', s.srvname FROM pg_catalog.pg_foreign_server s "
    "WHERE pg_catalog.has_server_privilege(s.oid, 'USAGE') "
    "UNION ALL SELECT 8, 'server', w.fdwname FROM pg_catalog.pg_foreign_data_wrapper w "
    "WHERE pg_catalog.has_foreign_data_wrapper_privilege(w.oid, 'USAGE') "
    "UNION ALL SELECT 9, 'large', '' FROM me WHERE EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata m, "
    "LATERAL pg_catalog.aclexplode(m.lomacl) a WHERE a.grantee IN (0, me.oid)) "
    "OR pg_catalog.current_setting('lo_compat_privileges') = 'on'"
    ") excess GROUP BY place, kind, name ORDER BY place, name LIMIT 200"
).format(
    guarded_tables=sql.Literal(list(_GUARDED_TABLES)),
    guarded_functions=sql.Literal(list(_GUARDED_FUNCTIONS)),
    extensions=sql.Literal(list(_HARMLESS_EXTENSIONS)),
)


def require_harmless(excess: Sequence[Sequence[str | None]]) -> None:
    """Raise `Misconfigured` if `EXCESS` found anything, saying what to revoke first."""
    found: dict[str, list[str]] = {}
    for kind, name in excess:
        found.setdefault(str(kind), []).append(str(name))
    if found:
        words = [_WORDS[kind].format(names=_named(names)) for kind, names in found.items()]
        raise errors.Misconfigured(
            "Para o modo SQL, o usuário do banco só pode ler as tabelas permitidas. Retire dele: "
            f"{'; '.join(words)}.",
            code="SQL_ROLE_TOO_POWERFUL",
        )


def _named(names: Sequence[str]) -> str:
    shown = [name if name.isprintable() else "?" for name in names[:_SHOWN]]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" e mais {rest}" if rest else "")

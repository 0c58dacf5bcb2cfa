"""Statements that want more than the allowed tables, each with a name.

`ATTACKS` (`READS`, `XML`, `OTHERS` and `EXHAUSTIONS`) are refused by the parser whatever the login may do, and without
it by Postgres for the login of docs/database.md, or cut off by the time-out. `READS` do bring the secret to a superuser,
which shows that they are attacks; so do those of `XML` where the server was built with libxml. `LOOKUPS` are what any
login may do in any Postgres, so that only the parser refuses them; they bring no secret either. Before Postgres 16
`lo_create` and the like are among them, and the end of the transaction undoes them.
"""

from __future__ import annotations

from typing import NamedTuple


class Attack(NamedTuple):
    name: str
    sql: str


READS = [
    Attack("plain", "SELECT valor FROM public.segredos"),
    Attack("star", "SELECT * FROM public.segredos"),
    Attack("capitals", "SELECT VALOR FROM PUBLIC.SEGREDOS"),
    Attack("mixed case", "SeLeCt Valor FrOm Public.SeGredos"),
    Attack("quoted", 'SELECT "valor" FROM "public"."segredos"'),
    Attack("unicode identifier", 'SELECT valor FROM public.U&"\\0073egredos"'),
    Attack(
        "unicode identifier with its own escape", "SELECT valor FROM public.U&\"!0073egredos\" UESCAPE '!'"
    ),
    Attack("unicode schema", 'SELECT valor FROM U&"\\0070ublic".segredos'),
    Attack("with the database's name", "SELECT valor FROM {db}.public.segredos"),
    Attack("comments for spaces", "SELECT/**/valor/**/FROM/**/public/**/./**/segredos"),
    Attack("nested comments", "SELECT valor /* a /* b */ c */ FROM public.segredos"),
    Attack("a comment that looks closed", "SELECT valor /* '*/ FROM public.segredos"),
    Attack("line comments", "SELECT valor --x\nFROM --produtos\npublic.segredos"),
    Attack("other white space", "SELECT\x0cvalor\tFROM\rpublic.segredos"),
    Attack("no white space", 'SELECT(valor)FROM"public"."segredos"'),
    Attack("alias of an allowed table", "SELECT produtos.valor FROM public.segredos AS produtos"),
    Attack("alias of an allowed table without AS", "SELECT produtos.valor FROM public.segredos produtos"),
    Attack("columns renamed", "SELECT nome FROM public.segredos AS produtos (id, x, nome)"),
    Attack("join", "SELECT s.valor FROM public.produtos p JOIN public.segredos s ON s.id = p.id"),
    Attack("left join", "SELECT s.valor FROM public.produtos p LEFT JOIN public.segredos s ON s.id = p.id"),
    Attack("right join", "SELECT s.valor FROM public.produtos p RIGHT JOIN public.segredos s ON s.id = p.id"),
    Attack("full join", "SELECT s.valor FROM public.produtos p FULL JOIN public.segredos s ON s.id = p.id"),
    Attack("join using", "SELECT valor FROM public.produtos JOIN public.segredos USING (id)"),
    Attack("cross join", "SELECT s.valor FROM public.produtos p CROSS JOIN public.segredos s"),
    Attack("comma", "SELECT s.valor FROM public.produtos p, public.segredos s"),
    Attack(
        "natural join", "SELECT valor FROM public.segredos NATURAL JOIN (SELECT id FROM public.produtos) p"
    ),
    Attack(
        "join in parentheses", "SELECT s.valor FROM (public.produtos p JOIN public.segredos s ON s.id = p.id)"
    ),
    Attack(
        "nested join",
        "SELECT s.valor FROM public.vendas v JOIN (public.produtos p JOIN public.segredos s ON s.id = p.id) ON p.id = v.produto_id",
    ),
    Attack(
        "join of a subquery",
        "SELECT s.valor FROM public.produtos p JOIN (SELECT * FROM public.segredos) s ON s.id = p.id",
    ),
    Attack("part of a WITH", "WITH a AS (SELECT valor FROM public.segredos) SELECT * FROM a"),
    Attack(
        "part named as an allowed table",
        "WITH produtos AS (SELECT valor FROM public.segredos) SELECT * FROM produtos",
    ),
    Attack(
        "second part",
        "WITH a AS (SELECT 1 AS id), b AS (SELECT s.valor FROM public.segredos s JOIN a ON a.id = s.id) SELECT * FROM b",
    ),
    Attack(
        "part inside a part",
        "WITH a AS (WITH b AS (SELECT valor FROM public.segredos) SELECT * FROM b) SELECT * FROM a",
    ),
    Attack(
        "part in a subquery",
        "SELECT * FROM (WITH a AS (SELECT valor FROM public.segredos) SELECT * FROM a) x",
    ),
    Attack("materialized part", "WITH a AS MATERIALIZED (SELECT valor FROM public.segredos) SELECT * FROM a"),
    Attack(
        "recursive part",
        "WITH RECURSIVE a AS (SELECT id, valor FROM public.segredos UNION ALL SELECT id + 1, valor FROM a WHERE id < 2) SELECT * FROM a",
    ),
    Attack(
        "part that hides the real one",
        "WITH segredos AS (SELECT 1 AS id) SELECT s.valor FROM segredos JOIN public.segredos s ON s.id = segredos.id",
    ),
    Attack(
        "part out of its scope", "SELECT (WITH segredos AS (SELECT 1) SELECT 1), valor FROM public.segredos"
    ),
    Attack("subquery", "SELECT * FROM (SELECT valor FROM public.segredos) x"),
    Attack(
        "deep subquery",
        "SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT valor FROM public.segredos) a) b) c",
    ),
    Attack(
        "value in the list of columns",
        "SELECT (SELECT valor FROM public.segredos LIMIT 1) AS v FROM public.produtos",
    ),
    Attack(
        "value that depends on the row",
        "SELECT (SELECT valor FROM public.segredos s WHERE s.id = p.id) AS v FROM public.produtos p",
    ),
    Attack("value in CASE", "SELECT CASE WHEN true THEN (SELECT max(valor) FROM public.segredos) END AS v"),
    Attack("value in COALESCE", "SELECT coalesce(NULL, (SELECT max(valor) FROM public.segredos)) AS v"),
    Attack("value in a call", "SELECT upper((SELECT max(valor) FROM public.segredos)) AS v"),
    Attack("value in a concatenation", "SELECT 'x' || (SELECT max(valor) FROM public.segredos) AS v"),
    Attack(
        "value in an aggregate",
        "SELECT string_agg((SELECT max(valor) FROM public.segredos), ',') AS v FROM public.produtos",
    ),
    Attack("value in an array", "SELECT ARRAY(SELECT valor FROM public.segredos) AS v"),
    Attack("value in a row", "SELECT ROW((SELECT max(valor) FROM public.segredos)) AS v"),
    Attack("value in JSON", "SELECT json_build_object('v', (SELECT max(valor) FROM public.segredos)) AS v"),
    Attack("value in VALUES", "SELECT * FROM (VALUES ((SELECT max(valor) FROM public.segredos))) v (x)"),
    Attack(
        "VALUES at the end of a union",
        "SELECT 'a' AS x UNION ALL VALUES ((SELECT max(valor) FROM public.segredos))",
    ),
    Attack("VALUES at the root", "VALUES ((SELECT max(valor) FROM public.segredos))"),
    Attack("union", "SELECT nome FROM public.produtos UNION SELECT valor FROM public.segredos"),
    Attack("union all", "SELECT nome FROM public.produtos UNION ALL SELECT valor FROM public.segredos"),
    Attack(
        "union in parentheses",
        "(SELECT nome FROM public.produtos) UNION ALL (SELECT valor FROM public.segredos)",
    ),
    Attack(
        "left side of a union", "SELECT valor FROM public.segredos UNION ALL SELECT nome FROM public.produtos"
    ),
    Attack("intersection", "SELECT valor FROM public.segredos INTERSECT SELECT valor FROM public.segredos"),
    Attack("difference", "SELECT valor FROM public.segredos EXCEPT SELECT nome FROM public.produtos"),
    Attack(
        "lateral subquery",
        "SELECT x.valor FROM public.produtos p, LATERAL (SELECT valor FROM public.segredos s WHERE s.id = p.id) x",
    ),
    Attack(
        "lateral join",
        "SELECT x.valor FROM public.produtos p CROSS JOIN LATERAL (SELECT valor FROM public.segredos) x",
    ),
    Attack("TABLE", "TABLE public.segredos"),
    Attack("TABLE in a union", "SELECT 1 AS id, 'a' AS nome, 'b' AS valor UNION ALL TABLE public.segredos"),
    Attack("TABLE in a part", "WITH a AS (TABLE public.segredos) SELECT * FROM a"),
    Attack("TABLE in a subquery", "SELECT * FROM (TABLE public.segredos) x"),
    Attack("only", "SELECT valor FROM ONLY public.segredos"),
    Attack("with descendants", "SELECT valor FROM public.segredos *"),
    Attack("sample", "SELECT valor FROM public.segredos TABLESAMPLE SYSTEM (100)"),
    Attack("first rows", "SELECT valor FROM public.segredos FETCH FIRST 1 ROWS ONLY"),
    Attack("a view over it", "SELECT valor FROM public.cofre"),
    Attack("a materialized view over it", "SELECT valor FROM public.copia"),
    Attack("a view that was open to all", "SELECT valor FROM public.aberta"),
    Attack("another schema", "SELECT valor FROM interno.clientes"),
    Attack(
        "another schema in a union",
        "SELECT nome FROM public.produtos UNION SELECT valor FROM interno.clientes",
    ),
    Attack("another schema quoted", 'SELECT valor FROM "interno"."clientes" AS "produtos"'),
    Attack("whole row", "SELECT s FROM public.segredos s"),
    Attack("whole row as text", "SELECT s::text FROM public.segredos s"),
    Attack("whole row as JSON", "SELECT row_to_json(s) AS v FROM public.segredos s"),
    Attack("whole row as an array", "SELECT array_agg(s) AS v FROM public.segredos s"),
    Attack("field of a row", "SELECT (s).valor FROM public.segredos s"),
    Attack("all fields of a row", "SELECT (s).* FROM public.segredos s"),
    Attack("field called as a function", "SELECT valor(s) AS v FROM public.segredos s"),
    Attack(
        "row through its type",
        "SELECT (json_populate_record(NULL::public.segredos, row_to_json(s))).valor AS v FROM public.segredos s",
    ),
    Attack("row cast to its type", "SELECT s::public.segredos AS v FROM public.segredos s"),
    Attack("aggregate", "SELECT max(valor) AS v FROM public.segredos"),
    Attack("filtered aggregate", "SELECT max(valor) FILTER (WHERE id = 1) AS v FROM public.segredos"),
    Attack("ordered aggregate", "SELECT string_agg(valor, ',' ORDER BY id) AS v FROM public.segredos"),
    Attack("window", "SELECT first_value(valor) OVER (ORDER BY id) AS v FROM public.segredos"),
    Attack("named window", "SELECT lag(valor, 0) OVER w AS v FROM public.segredos WINDOW w AS (ORDER BY id)"),
    Attack("distinct", "SELECT DISTINCT ON (id) valor FROM public.segredos ORDER BY id"),
    Attack("grouping", "SELECT valor FROM public.segredos GROUP BY GROUPING SETS ((valor), ())"),
    Attack(
        "letter by letter",
        "SELECT string_agg(substr(valor, n, 1), '' ORDER BY n) AS v FROM public.segredos, generate_series(1, 12) n",
    ),
    Attack(
        "text search statistics",
        "SELECT * FROM ts_stat('SELECT to_tsvector(''simple'', valor) FROM public.segredos') WHERE upper(word) LIKE '%'",
    ),
    Attack("their owner's function", "SELECT public.revela() AS v"),
    Attack("their owner's function as a table", "SELECT * FROM public.revela() AS v"),
    Attack(
        "their owner's function for each row", "SELECT v FROM public.produtos p, LATERAL public.revela() v"
    ),
    Attack("their owner's function in ROWS FROM", "SELECT * FROM ROWS FROM (public.revela()) AS v"),
    Attack("their owner's function on a row", "SELECT public.revela_de(p) AS v FROM public.produtos p"),
    Attack(
        "their owner's function in an order",
        "SELECT nome, public.revela() AS v FROM public.produtos ORDER BY public.revela()",
    ),
    Attack("their owner's operator", "SELECT 1 OPERATOR(public.===) 1 AS v"),
    Attack("their owner's cast", "SELECT ROW(1)::public.chave::text AS v"),
    Attack("their owner's cast, written out", "SELECT CAST(CAST(ROW(1) AS public.chave) AS text) AS v"),
    Attack("their dynamic SQL", "SELECT public.executa('SELECT valor FROM public.segredos') AS v"),
    Attack(
        "their dynamic SQL with a string by number",
        "SELECT public.executa(convert_from(decode('53454c4543542076616c6f722046524f4d207075626c69632e736567726564' || '6f73', 'hex'), 'UTF8')) AS v",
    ),
    Attack("large object", "SELECT convert_from(lo_get(990001), 'UTF8') AS v"),
    Attack("part of a large object", "SELECT convert_from(lo_get(990001, 0, 12), 'UTF8') AS v"),
    Attack(
        "a large object by its descriptor",
        "SELECT convert_from(loread(lo_open(990001, 262144), 12), 'UTF8') AS v",
    ),
    Attack(
        "pages of large objects",
        "SELECT convert_from(data, 'UTF8') AS v FROM pg_largeobject WHERE loid = 990001",
    ),
    Attack("passwords of other servers", "SELECT umoptions FROM pg_user_mapping"),
    Attack("passwords of other servers, qualified", "SELECT umoptions::text FROM pg_catalog.pg_user_mapping"),
]

XML = [
    Attack(
        "XML of a query", "SELECT query_to_xml('SELECT valor FROM public.segredos', true, false, '') AS v"
    ),
    Attack(
        "XML of a query and its schema",
        "SELECT query_to_xml_and_xmlschema('SELECT valor FROM public.segredos', true, false, '') AS v",
    ),
    Attack("XML of a table", "SELECT table_to_xml('public.segredos', true, false, '') AS v"),
    Attack(
        "XML of a table and its schema",
        "SELECT table_to_xml_and_xmlschema('public.segredos', true, false, '') AS v",
    ),
    Attack("XML of a schema", "SELECT schema_to_xml('interno', true, false, '') AS v"),
    Attack(
        "XML of a schema and its own", "SELECT schema_to_xml_and_xmlschema('interno', true, false, '') AS v"
    ),
    Attack(
        "XML with dollar quotes",
        "SELECT query_to_xml($$SELECT valor FROM public.segredos$$, true, false, '') AS v",
    ),
    Attack(
        "XML with tagged dollar quotes",
        "SELECT query_to_xml($x$SELECT valor FROM public.segredos$x$, true, false, '') AS v",
    ),
    Attack(
        "XML with an escape string",
        "SELECT query_to_xml(E'SELECT valor FROM public.\\x73egredos', true, false, '') AS v",
    ),
    Attack(
        "XML with a unicode string",
        "SELECT query_to_xml(U&'SELECT valor FROM public.\\0073egredos', true, false, '') AS v",
    ),
    Attack(
        "XML with a string that is put together",
        "SELECT query_to_xml('SELECT valor FROM public.' || 'segredos', true, false, '') AS v",
    ),
    Attack(
        "XML with two strings in a row",
        "SELECT query_to_xml('SELECT valor FROM '\n'public.segredos', true, false, '') AS v",
    ),
    Attack(
        "XML of characters by number",
        "SELECT query_to_xml('SELECT valor FROM public.' || chr(115) || 'egredos', true, false, '') AS v",
    ),
    Attack(
        "XML with a qualified name",
        "SELECT pg_catalog.query_to_xml('SELECT valor FROM public.segredos', true, false, '') AS v",
    ),
    Attack(
        "XML with a quoted name",
        "SELECT \"query_to_xml\"('SELECT valor FROM public.segredos', true, false, '') AS v",
    ),
    Attack(
        "XML with a unicode name",
        "SELECT U&\"query\\005fto_xml\"('SELECT valor FROM public.segredos', true, false, '') AS v",
    ),
    Attack(
        "XML in place of a table",
        "SELECT * FROM query_to_xml('SELECT valor FROM public.segredos', true, false, '') x",
    ),
    Attack(
        "XML in a WITH",
        "WITH a AS (SELECT query_to_xml('SELECT valor FROM public.segredos', true, false, '') AS v) SELECT * FROM a",
    ),
    Attack("XML elements", "SELECT xmlelement(NAME v, valor) AS v FROM public.segredos"),
    Attack("XML aggregate", "SELECT xmlagg(xmlelement(NAME v, valor)) AS v FROM public.segredos"),
]

OTHERS = [
    Attack("subquery without alias", "SELECT * FROM (SELECT valor FROM public.segredos)"),
    Attack(
        "in WHERE IN", "SELECT nome FROM public.produtos WHERE nome IN (SELECT valor FROM public.segredos)"
    ),
    Attack(
        "in WHERE EXISTS",
        "SELECT nome FROM public.produtos WHERE EXISTS (SELECT FROM public.segredos WHERE valor LIKE 'C%')",
    ),
    Attack(
        "in a comparison",
        "SELECT nome FROM public.produtos WHERE nome < (SELECT max(valor) FROM public.segredos)",
    ),
    Attack("in ANY", "SELECT nome FROM public.produtos WHERE nome = ANY (SELECT valor FROM public.segredos)"),
    Attack(
        "in ALL", "SELECT nome FROM public.produtos WHERE nome <> ALL (SELECT valor FROM public.segredos)"
    ),
    Attack(
        "in BETWEEN",
        "SELECT nome FROM public.produtos WHERE nome BETWEEN 'A' AND (SELECT max(valor) FROM public.segredos)",
    ),
    Attack(
        "in LIKE", "SELECT nome FROM public.produtos WHERE nome LIKE (SELECT max(valor) FROM public.segredos)"
    ),
    Attack(
        "in HAVING",
        "SELECT categoria FROM public.produtos GROUP BY categoria HAVING count(*) > (SELECT count(*) FROM public.segredos)",
    ),
    Attack(
        "in GROUP BY",
        "SELECT count(*) FROM public.produtos GROUP BY (SELECT max(valor) FROM public.segredos)",
    ),
    Attack(
        "in ORDER BY", "SELECT nome FROM public.produtos ORDER BY (SELECT max(valor) FROM public.segredos)"
    ),
    Attack("in LIMIT", "SELECT nome FROM public.produtos LIMIT (SELECT count(*) FROM public.segredos)"),
    Attack("in OFFSET", "SELECT nome FROM public.produtos OFFSET (SELECT count(*) FROM public.segredos)"),
    Attack(
        "in ON",
        "SELECT p.nome FROM public.produtos p JOIN public.vendas v ON v.produto_id = p.id AND EXISTS (SELECT FROM public.segredos)",
    ),
    Attack(
        "in FILTER",
        "SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM public.segredos)) FROM public.produtos",
    ),
    Attack(
        "in PARTITION BY",
        "SELECT count(*) OVER (PARTITION BY (SELECT max(valor) FROM public.segredos)) FROM public.produtos",
    ),
    Attack(
        "in DISTINCT ON",
        "SELECT DISTINCT ON ((SELECT max(valor) FROM public.segredos)) nome FROM public.produtos",
    ),
    Attack(
        "in a frame",
        "SELECT sum(id) OVER (ORDER BY id ROWS (SELECT count(*) FROM public.segredos) PRECEDING) FROM public.produtos",
    ),
    Attack(
        "in a row comparison",
        "SELECT nome FROM public.produtos WHERE (id, nome) = (SELECT id, valor FROM public.segredos)",
    ),
    Attack("in a NULL test", "SELECT (SELECT valor FROM public.segredos LIMIT 1) IS NULL AS v"),
    Attack(
        "in an index of an array",
        "SELECT etiquetas[(SELECT id FROM public.segredos LIMIT 1)] FROM public.produtos",
    ),
    Attack("in a cast", "SELECT (SELECT id FROM public.segredos LIMIT 1)::text AS v"),
    Attack("physical place of rows", "SELECT ctid, xmin FROM public.segredos"),
    Attack("table of rows", "SELECT tableoid::regclass FROM public.segredos"),
    Attack(
        "by the first letter of nothing",
        "SELECT 1 / (SELECT count(*) FROM public.segredos WHERE valor LIKE 'X%') AS v",
    ),
    Attack("insert", "INSERT INTO public.produtos (id, nome) VALUES (99, 'x')"),
    Attack(
        "insert from a read", "INSERT INTO public.segredos SELECT id + 100, nome, 'x' FROM public.produtos"
    ),
    Attack(
        "insert or update",
        "INSERT INTO public.produtos (id, nome) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET nome = 'x' RETURNING nome",
    ),
    Attack("update", "UPDATE public.produtos SET nome = 'x'"),
    Attack(
        "update with a join",
        "UPDATE public.produtos p SET nome = s.valor FROM public.segredos s RETURNING p.nome",
    ),
    Attack("delete", "DELETE FROM public.vendas"),
    Attack("delete with a join", "DELETE FROM public.vendas USING public.produtos RETURNING *"),
    Attack(
        "merge",
        "MERGE INTO public.produtos p USING public.segredos s ON s.id = p.id WHEN MATCHED THEN UPDATE SET nome = s.valor",
    ),
    Attack("truncate", "TRUNCATE public.vendas"),
    Attack(
        "insert in a part",
        "WITH a AS (INSERT INTO public.produtos (id, nome) VALUES (99, 'x') RETURNING *) SELECT * FROM a",
    ),
    Attack(
        "update in a part", "WITH a AS (UPDATE public.produtos SET nome = 'x' RETURNING *) SELECT * FROM a"
    ),
    Attack("delete in a part", "WITH a AS (DELETE FROM public.vendas RETURNING *) SELECT * FROM a"),
    Attack(
        "merge in a part",
        "WITH a AS (MERGE INTO public.produtos p USING public.vendas v ON v.id = p.id WHEN MATCHED THEN DELETE RETURNING p.id) SELECT * FROM a",
    ),
    Attack(
        "delete in a second part",
        "WITH a AS (SELECT 1), b AS (DELETE FROM public.vendas RETURNING id) SELECT * FROM b",
    ),
    Attack(
        "delete in a part that nobody reads",
        "WITH a AS (DELETE FROM public.vendas) SELECT nome FROM public.produtos",
    ),
    Attack(
        "delete in a part of a part",
        "WITH a AS (WITH b AS (DELETE FROM public.vendas RETURNING id) SELECT * FROM b) SELECT * FROM a",
    ),
    Attack("delete in a subquery", "SELECT * FROM (DELETE FROM public.vendas RETURNING id) x"),
    Attack("select into", "SELECT * INTO public.roubo FROM public.produtos"),
    Attack("select into a temporary table", "SELECT * INTO TEMP roubo FROM public.produtos"),
    Attack(
        "select into an unlogged table", "SELECT nome INTO UNLOGGED TABLE public.roubo FROM public.produtos"
    ),
    Attack("lock for update", "SELECT nome FROM public.produtos FOR UPDATE"),
    Attack("lock for no key update", "SELECT nome FROM public.produtos FOR NO KEY UPDATE"),
    Attack("lock for share", "SELECT nome FROM public.produtos FOR SHARE"),
    Attack("lock for key share", "SELECT nome FROM public.produtos FOR KEY SHARE SKIP LOCKED"),
    Attack(
        "lock of one of two",
        "SELECT p.nome FROM public.produtos p JOIN public.vendas v ON v.produto_id = p.id FOR UPDATE OF p NOWAIT",
    ),
    Attack("lock in a subquery", "SELECT * FROM (SELECT nome FROM public.produtos FOR UPDATE) x"),
    Attack("lock in a part", "WITH a AS (SELECT nome FROM public.produtos FOR SHARE) SELECT * FROM a"),
    Attack("next value", "SELECT nextval('public.contador')"),
    Attack("set a value", "SELECT setval('public.contador', 1000)"),
    Attack("current value", "SELECT currval('public.contador')"),
    Attack("last value", "SELECT lastval()"),
    Attack("sequence as a table", "SELECT * FROM public.contador"),
    Attack("their owner's function that deletes", "SELECT public.apaga()"),
    Attack(
        "their owner's function that deletes, as a table", "SELECT * FROM public.produtos, public.apaga() x"
    ),
    Attack("their owner's procedure", "CALL public.esvazia()"),
    Attack("dynamic SQL that deletes", "SELECT public.executa('DELETE FROM public.vendas RETURNING id')"),
    Attack("dynamic SQL that becomes somebody", "SELECT public.executa('SET ROLE postgres')"),
    Attack(
        "dynamic SQL that lifts the read-only mode", "SELECT public.executa('SET TRANSACTION READ WRITE')"
    ),
    Attack("dynamic SQL that ends the transaction", "SELECT public.executa('COMMIT')"),
    Attack(
        "XML of a query that deletes",
        "SELECT query_to_xml('DELETE FROM public.vendas RETURNING id', true, false, '')",
    ),
    Attack("XML of a cursor", "SELECT cursor_to_xml('c', 10, true, false, '')"),
    Attack("XML of a cursor's schema", "SELECT cursor_to_xmlschema('c', true, false, '')"),
    Attack("XML schema of a table", "SELECT table_to_xmlschema('interno.clientes', true, false, '')"),
    Attack(
        "XML schema of a query",
        "SELECT query_to_xmlschema('SELECT valor FROM interno.clientes', true, false, '')",
    ),
    Attack("two statements", "SELECT 1; DROP TABLE public.produtos"),
    Attack("two statements in one line", "SELECT 1;DELETE FROM public.vendas;--"),
    Attack("an end and a beginning", "SELECT 1; COMMIT; DROP TABLE public.produtos"),
    Attack(
        "a statement behind the parentheses",
        "SELECT 1) _renum LIMIT 1) _lines; DROP TABLE public.produtos; --",
    ),
    Attack("a query behind the parentheses", "SELECT valor FROM public.segredos) _renum LIMIT 1) _lines --"),
    Attack(
        "a union behind the parentheses",
        "SELECT 1) _renum) _lines UNION ALL SELECT valor FROM public.segredos --",
    ),
    Attack("a statement behind a comment", "SELECT 1 /* ; */ ; DELETE FROM public.vendas"),
    Attack("a statement behind a string", "SELECT ';' ; DELETE FROM public.vendas"),
    Attack("a statement behind a dollar quote", "SELECT $a$;$a$; DELETE FROM public.vendas"),
    Attack("a backslash that hides a quote", "SELECT '\\'; DELETE FROM public.vendas; --'"),
    Attack("a statement before the query", "DELETE FROM public.vendas; SELECT 1"),
    Attack("read-write transaction", "SET TRANSACTION READ WRITE"),
    Attack("begin", "BEGIN READ WRITE"),
    Attack("commit", "COMMIT"),
    Attack("rollback", "ROLLBACK AND CHAIN"),
    Attack("savepoint", "SAVEPOINT a"),
    Attack("prepared transaction", "PREPARE TRANSACTION 'a'"),
    Attack("becoming somebody", "SET ROLE postgres"),
    Attack("becoming somebody for good", "SET SESSION AUTHORIZATION postgres"),
    Attack("reset of the role", "RESET ROLE"),
    Attack("a setting", "SET statement_timeout = 0"),
    Attack("a setting of the schema", "SET search_path = interno"),
    Attack("all settings", "SHOW ALL"),
    Attack("setting the role by a function", "SELECT set_config('role', 'postgres', true)"),
    Attack(
        "setting the session's user by a function",
        "SELECT set_config('session_authorization', 'postgres', false)",
    ),
    Attack(
        "lifting the read-only mode by a function", "SELECT set_config('transaction_read_only', 'off', true)"
    ),
    Attack(
        "lifting it and writing",
        "WITH a AS (SELECT set_config('transaction_read_only', 'off', true) AS v) SELECT nextval('public.contador') FROM a",
    ),
    Attack("a superuser's setting", "SELECT set_config('log_statement', 'all', false)"),
    Attack("a library to load", "SELECT set_config('session_preload_libraries', '/tmp/x', false)"),
    Attack("replication role", "SELECT set_config('session_replication_role', 'replica', true)"),
    Attack("anonymous block", "DO $$ BEGIN DELETE FROM public.vendas; END $$"),
    Attack("anonymous block in a language", "DO LANGUAGE plpgsql 'BEGIN PERFORM public.apaga(); END'"),
    Attack("prepare", "PREPARE a AS DELETE FROM public.vendas"),
    Attack("execute", "EXECUTE a"),
    Attack("deallocate", "DEALLOCATE ALL"),
    Attack("cursor", "DECLARE c CURSOR FOR SELECT valor FROM public.segredos"),
    Attack("cursor with hold", "DECLARE c CURSOR WITH HOLD FOR SELECT 1"),
    Attack("fetch", "FETCH ALL FROM c"),
    Attack("explain", "EXPLAIN SELECT valor FROM public.segredos"),
    Attack("explain that runs", "EXPLAIN ANALYZE DELETE FROM public.vendas"),
    Attack("copy out", "COPY public.segredos TO STDOUT"),
    Attack("copy of a query", "COPY (SELECT valor FROM public.segredos) TO STDOUT"),
    Attack("copy to a file", "COPY public.segredos TO '/tmp/roubo.csv'"),
    Attack("copy to a program", "COPY public.produtos TO PROGRAM 'curl http://127.0.0.1/'"),
    Attack("copy from a program", "COPY public.produtos FROM PROGRAM 'cat /etc/passwd'"),
    Attack("copy from a file", "COPY public.produtos FROM '/etc/passwd'"),
    Attack("reading a file", "SELECT pg_read_file('/etc/passwd')"),
    Attack("reading a file from a place", "SELECT pg_read_file('PG_VERSION', 0, 100, true)"),
    Attack("reading a file as bytes", "SELECT pg_read_binary_file('/etc/passwd')"),
    Attack("listing a folder", "SELECT pg_ls_dir('/')"),
    Attack("listing the log", "SELECT * FROM pg_ls_logdir()"),
    Attack("listing the journal", "SELECT * FROM pg_ls_waldir()"),
    Attack("listing temporary files", "SELECT * FROM pg_ls_tmpdir()"),
    Attack("listing the archive", "SELECT * FROM pg_ls_archive_statusdir()"),
    Attack("asking about a file", "SELECT * FROM pg_stat_file('/etc/passwd')"),
    Attack("current log file", "SELECT pg_current_logfile()"),
    Attack("importing a large object", "SELECT lo_import('/etc/passwd')"),
    Attack("exporting a large object", "SELECT lo_export(990001, '/tmp/roubo')"),
    Attack("creating a large object", "SELECT lo_create(0)"),
    Attack("creating a large object in the old way", "SELECT lo_creat(-1)"),
    Attack("creating a large object of bytes", "SELECT lo_from_bytea(0, 'x')"),
    Attack("overwriting a large object", "SELECT lo_put(990001, 0, 'x')"),
    Attack("removing a large object", "SELECT lo_unlink(990001)"),
    Attack("opening a large object to write", "SELECT lo_open(990001, 131072)"),
    Attack("dblink", "SELECT * FROM extensoes.dblink('dbname=postgres', 'SELECT 1') AS t (a integer)"),
    Attack(
        "dblink to another host",
        "SELECT extensoes.dblink_connect('a', 'host=127.0.0.1 port=1 user=postgres')",
    ),
    Attack("dblink that writes", "SELECT extensoes.dblink_exec('dbname=postgres', 'CREATE TABLE x ()')"),
    Attack(
        "dblink without its schema", "SELECT * FROM dblink('dbname=postgres', 'SELECT 1') AS t (a integer)"
    ),
    Attack("foreign servers' connections", "SELECT * FROM extensoes.postgres_fdw_get_connections()"),
    Attack("foreign table", "CREATE FOREIGN TABLE public.longe (a integer) SERVER matriz"),
    Attack("create a table", "CREATE TABLE public.roubo AS SELECT * FROM public.produtos"),
    Attack("create a temporary table", "CREATE TEMP TABLE roubo (a integer)"),
    Attack("create a view", "CREATE VIEW public.roubo AS SELECT * FROM public.segredos"),
    Attack(
        "create a function", "CREATE FUNCTION public.roubo() RETURNS text LANGUAGE sql AS 'SELECT 1::text'"
    ),
    Attack("create a schema", "CREATE SCHEMA roubo"),
    Attack("create an extension", "CREATE EXTENSION hstore"),
    Attack("create a role", "CREATE ROLE ladrao SUPERUSER"),
    Attack("create a server", "CREATE SERVER roubo FOREIGN DATA WRAPPER postgres_fdw"),
    Attack(
        "create an event trigger",
        "CREATE EVENT TRIGGER roubo ON ddl_command_start EXECUTE FUNCTION public.roubo()",
    ),
    Attack(
        "create a rule",
        "CREATE RULE roubo AS ON SELECT TO public.produtos DO INSTEAD SELECT * FROM public.segredos",
    ),
    Attack("create a policy", "CREATE POLICY roubo ON public.segredos USING (true)"),
    Attack("alter a table", "ALTER TABLE public.produtos ADD COLUMN x text"),
    Attack("alter a role", "ALTER ROLE CURRENT_USER SUPERUSER"),
    Attack("alter a role's settings", "ALTER ROLE CURRENT_USER SET statement_timeout = 0"),
    Attack("alter the system", "ALTER SYSTEM SET log_statement = 'all'"),
    Attack("alter the database", "ALTER DATABASE {db} SET default_transaction_read_only = off"),
    Attack("default rights", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC"),
    Attack("drop a table", "DROP TABLE public.vendas"),
    Attack("drop a schema", "DROP SCHEMA public CASCADE"),
    Attack("drop what is owned", "DROP OWNED BY CURRENT_USER"),
    Attack("grant", "GRANT SELECT ON public.segredos TO PUBLIC"),
    Attack("grant a role", "GRANT pg_read_all_data TO CURRENT_USER"),
    Attack("revoke", "REVOKE ALL ON public.produtos FROM PUBLIC"),
    Attack("reassign", "REASSIGN OWNED BY postgres TO CURRENT_USER"),
    Attack("comment", "COMMENT ON TABLE public.produtos IS 'x'"),
    Attack("security label", "SECURITY LABEL ON TABLE public.produtos IS 'x'"),
    Attack("vacuum", "VACUUM public.produtos"),
    Attack("analyze", "ANALYZE public.produtos"),
    Attack("reindex", "REINDEX TABLE public.produtos"),
    Attack("cluster", "CLUSTER public.produtos"),
    Attack("checkpoint", "CHECKPOINT"),
    Attack("lock a table", "LOCK TABLE public.produtos IN ACCESS EXCLUSIVE MODE"),
    Attack("listen", "LISTEN a"),
    Attack("notify", "NOTIFY a, 'x'"),
    Attack("load a library", "LOAD '/tmp/x.so'"),
    Attack("refresh", "REFRESH MATERIALIZED VIEW public.copia"),
    Attack("discard", "DISCARD ALL"),
    Attack("import a schema", "IMPORT FOREIGN SCHEMA public FROM SERVER matriz INTO public"),
    Attack("password hashes", "SELECT rolname, rolpassword FROM pg_authid"),
    Attack("password hashes, qualified", "SELECT * FROM pg_catalog.pg_authid"),
    Attack("password hashes by the old view", "SELECT usename, passwd FROM pg_shadow"),
    Attack(
        "password hashes in a join",
        "SELECT a.rolpassword FROM public.produtos p JOIN pg_authid a ON a.oid > p.id::oid",
    ),
    Attack(
        "password hashes in a union",
        "SELECT nome FROM public.produtos UNION SELECT rolpassword FROM pg_authid",
    ),
    Attack(
        "password hashes behind a part's name",
        "WITH produtos AS (SELECT 1 AS id) SELECT a.rolpassword FROM produtos JOIN pg_authid a ON a.oid <> 0",
    ),
    Attack("statistics of everybody's columns", "SELECT * FROM pg_statistic"),
    Attack("extended statistics", "SELECT * FROM pg_statistic_ext_data"),
    Attack("pages of everybody's large objects", "SELECT * FROM pg_largeobject"),
    Attack("subscriptions' connections", "SELECT subconninfo FROM pg_subscription"),
    Attack("access file", "SELECT * FROM pg_hba_file_rules"),
    Attack("configuration files", "SELECT * FROM pg_file_settings"),
    Attack("names file", "SELECT * FROM pg_ident_file_mappings"),
    Attack("build options", "SELECT * FROM pg_config"),
    Attack("shared memory", "SELECT * FROM pg_shmem_allocations"),
    Attack("memory of the session", "SELECT * FROM pg_backend_memory_contexts"),
    Attack("replication origins", "SELECT * FROM pg_show_replication_origin_status()"),
    Attack("replication slot", "SELECT pg_create_physical_replication_slot('roubo')"),
    Attack("logical slot", "SELECT pg_create_logical_replication_slot('roubo', 'test_decoding')"),
    Attack("reading a slot", "SELECT * FROM pg_logical_slot_get_changes('roubo', NULL, NULL)"),
    Attack("journal switch", "SELECT pg_switch_wal()"),
    Attack("restore point", "SELECT pg_create_restore_point('roubo')"),
    Attack("backup", "SELECT pg_backup_start('roubo')"),
    Attack("promotion", "SELECT pg_promote()"),
    Attack("reload", "SELECT pg_reload_conf()"),
    Attack("log rotation", "SELECT pg_rotate_logfile()"),
    Attack("memory to the log", "SELECT pg_log_backend_memory_contexts(1)"),
    Attack("reset of statistics", "SELECT pg_stat_reset()"),
    Attack("ending one's own session", "SELECT pg_terminate_backend(pg_backend_pid())"),
    Attack("cancelling one's own query", "SELECT pg_cancel_backend(pg_backend_pid())"),
    Attack(
        "ending somebody's session",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    ),
]

EXHAUSTIONS = [
    Attack("sleep", "SELECT pg_sleep(5)"),
    Attack("sleep, qualified", "SELECT pg_catalog.pg_sleep(5)"),
    Attack("sleep in a condition", "SELECT nome FROM public.produtos WHERE pg_sleep(5) IS NULL"),
    Attack("sleep for", "SELECT pg_sleep_for('5 seconds')"),
    Attack("sleep until", "SELECT pg_sleep_until(now() + interval '5 seconds')"),
    Attack(
        "product of a table with itself",
        "SELECT count(*) FROM public.vendas a CROSS JOIN public.vendas b CROSS JOIN public.vendas c CROSS JOIN public.vendas d",
    ),
    Attack(
        "product by commas",
        "SELECT count(*) FROM public.vendas a, public.vendas b, public.vendas c, public.vendas d",
    ),
    Attack(
        "product by a condition that always holds",
        "SELECT count(*) FROM public.vendas a JOIN public.vendas b ON true JOIN public.vendas c ON 1 = 1 JOIN public.vendas d ON a.id = a.id",
    ),
    Attack(
        "product by inequality",
        "SELECT count(*) FROM public.vendas a JOIN public.vendas b ON a.id <> b.id JOIN public.vendas c ON c.id >= 0 JOIN public.vendas d ON d.id <> -1",
    ),
    Attack("long series", "SELECT count(*) FROM generate_series(1, 1000000000) n"),
    Attack(
        "series of moments",
        "SELECT count(*) FROM generate_series(timestamp '0001-01-01', timestamp '9999-01-01', interval '1 second') n",
    ),
    Attack(
        "endless recursion",
        "WITH RECURSIVE r AS (SELECT 1::numeric AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    ),
    Attack(
        "endless recursion that grows",
        "WITH RECURSIVE r AS (SELECT 'a' AS t UNION ALL SELECT t FROM r) SELECT max(t) FROM r",
    ),
    Attack(
        "pattern that looks back",
        "SELECT regexp_replace(repeat('ab', 5000), '(.+)(.+)(.+)\\3\\2\\1', 'x', 'g') AS v",
    ),
    Attack("pattern of patterns", "SELECT 'a' ~ '((a{1,200}){1,200}){1,200}' AS v"),
    Attack("long text", "SELECT length(repeat('x', 2000000000)) AS v"),
    Attack("long padding", "SELECT length(lpad('x', 2000000000)) AS v"),
    Attack("long format", "SELECT length(format('%2000000000s', 'x')) AS v"),
    Attack("large array", "SELECT cardinality(array_fill(0, ARRAY[30000, 30000])) AS v"),
    Attack("deep JSON", "SELECT repeat('[', 200000)::json AS v"),
    Attack("large factorial", "SELECT length(factorial(200000)::text) AS v"),
    Attack("large power", "SELECT power(1.0000001::numeric, 131000000000::numeric) AS v"),
    Attack("many hashes", "SELECT max(sha512(n::text::bytea)) FROM generate_series(1, 100000000) n"),
    Attack("large sort", "SELECT md5(n::text) AS h FROM generate_series(1, 100000000) n ORDER BY 1 LIMIT 1"),
    Attack(
        "text that doubles",
        "WITH RECURSIVE r AS (SELECT 'xxxxxxxx' AS t UNION ALL SELECT t || t FROM r) SELECT max(length(t)) FROM r",
    ),
]

ATTACKS = [*READS, *XML, *OTHERS, *EXHAUSTIONS]

LOOKUPS = [
    Attack(
        "hidden table in a part that nobody reads",
        "WITH a AS MATERIALIZED (SELECT valor FROM public.segredos) SELECT nome FROM public.produtos",
    ),
    Attack("version", "SELECT version()"),
    Attack("user", "SELECT current_user"),
    Attack("user of the session", "SELECT session_user"),
    Attack("user without underscore", "SELECT user"),
    Attack("role", "SELECT current_role"),
    Attack("catalog", "SELECT current_catalog"),
    Attack("schema", "SELECT current_schema"),
    Attack("database", "SELECT current_database()"),
    Attack("address of the server", "SELECT inet_server_addr()"),
    Attack("number of the session", "SELECT pg_backend_pid()"),
    Attack("value of a setting", "SELECT current_setting('server_version')"),
    Attack("settings", "SELECT name, setting FROM pg_settings"),
    Attack("a harmless setting", "SELECT set_config('work_mem', '1GB', true)"),
    Attack("roles", "SELECT rolname FROM pg_roles"),
    Attack("tables", "SELECT relname FROM pg_class"),
    Attack("tables of the standard", "SELECT table_name FROM information_schema.tables"),
    Attack("columns", "SELECT attname FROM pg_attribute"),
    Attack("sources of functions", "SELECT prosrc FROM pg_proc"),
    Attack("source of a function", "SELECT pg_get_functiondef('public.executa(text)'::regprocedure)"),
    Attack("definition of a view", "SELECT pg_get_viewdef('pg_catalog.pg_views'::regclass)"),
    Attack("statistics", "SELECT * FROM pg_stats"),
    Attack("sessions", "SELECT query FROM pg_stat_activity"),
    Attack("foreign servers", "SELECT srvname FROM pg_foreign_server"),
    Attack("a right", "SELECT has_table_privilege('public.segredos', 'SELECT')"),
    Attack("number of a table", "SELECT to_regclass('pg_catalog.pg_class')"),
    Attack("name of a number", "SELECT 1259::regclass"),
    Attack("size of the database", "SELECT pg_column_size('x'::text)"),
    Attack("type of a value", "SELECT pg_typeof(1)"),
    Attack("type by its column's notation", "SELECT p.pg_typeof FROM public.produtos p"),
    Attack("lock of a number", "SELECT pg_advisory_lock(1)"),
    Attack("try of a lock", "SELECT pg_try_advisory_lock(1)"),
    Attack("message", "SELECT pg_notify('a', 'x')"),
    Attack("XML of the allowed schema", "SELECT schema_to_xml('public', true, false, '') AS v"),
    Attack("XML of the database", "SELECT database_to_xml(true, false, '') AS v"),
    Attack("place of a row", "SELECT ctid, xmin, tableoid FROM public.produtos"),
    Attack("row type of a hidden table", "SELECT NULL::public.segredos AS v"),
    Attack("short series", "SELECT * FROM generate_series(1, 3) n"),
    Attack("short pattern", "SELECT 'a' ~ 'b' AS v"),
    Attack("random number", "SELECT random()"),
    Attack("identifier of the transaction", "SELECT pg_current_xact_id_if_assigned()"),
    Attack("snapshot", "SELECT pg_export_snapshot()"),
    Attack("table of an allowed table", "TABLE public.produtos"),
    Attack("list of values", "VALUES (1)"),
    Attack("values as a table", "SELECT * FROM (VALUES (1)) v (x)"),
    Attack("sample of an allowed table", "SELECT nome FROM public.produtos TABLESAMPLE SYSTEM (10)"),
    Attack("only an allowed table", "SELECT nome FROM ONLY public.produtos"),
    Attack(
        "lateral of an allowed table",
        "SELECT x.nome FROM public.vendas v, LATERAL (SELECT nome FROM public.produtos p WHERE p.id = v.id) x",
    ),
    Attack("unicode name of an allowed table", 'SELECT nome FROM public.U&"\\0070rodutos"'),
    Attack("order of a language", 'SELECT nome COLLATE "C" FROM public.produtos'),
    Attack("escape string", "SELECT E'a' AS v"),
    Attack("dollar quotes", "SELECT $$a$$ AS v"),
    Attack("place in an array", "SELECT etiquetas[1] FROM public.produtos"),
    Attack("parts of a text", "SELECT unnest(etiquetas) FROM public.produtos"),
    Attack("expansion of JSON", "SELECT jsonb_each(detalhes) FROM public.produtos"),
]

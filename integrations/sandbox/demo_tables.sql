-- A client's database to try RENUM with: a schema of its own, so that the application's is never reached.
-- Run as the owner on first use; the same on every run.

SELECT pg_advisory_xact_lock(748239011);

DO $$
DECLARE
    role_name text;
    here inet := inet_server_addr();
BEGIN
    FOREACH role_name IN ARRAY ARRAY['sandbox_anon', 'sandbox_service', 'sandbox_reader'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles belong to the server: another database's sandbox made it
        END;
    END LOOP;
    -- A password that everybody knows is for servers on this machine only.
    IF here IS NULL OR here <<= '127.0.0.0/8' OR here = '::1' THEN
        ALTER ROLE sandbox_reader LOGIN PASSWORD 'sandbox-reader';
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO sandbox_reader', current_database());
    END IF;
    GRANT sandbox_anon, sandbox_service TO CURRENT_USER;
END
$$;

CREATE SCHEMA IF NOT EXISTS sandbox_supabase;
GRANT USAGE ON SCHEMA sandbox_supabase TO sandbox_anon, sandbox_service, sandbox_reader;

CREATE TABLE IF NOT EXISTS sandbox_supabase.distribuidores (
    id integer PRIMARY KEY,
    nome text NOT NULL,
    cidade text NOT NULL,
    uf char(2) NOT NULL,
    ativo boolean,
    cadastrado_em date NOT NULL,
    condicoes jsonb NOT NULL DEFAULT '{}',
    categorias text[] NOT NULL DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS sandbox_supabase.produtos (
    id integer PRIMARY KEY,
    nome text NOT NULL,
    categoria text NOT NULL,
    preco numeric(10, 2) NOT NULL,
    estoque integer NOT NULL,
    ativo boolean NOT NULL DEFAULT true
);

CREATE TABLE IF NOT EXISTS sandbox_supabase.vendas (
    id uuid PRIMARY KEY,
    numero integer NOT NULL UNIQUE,
    distribuidor_id integer NOT NULL REFERENCES sandbox_supabase.distribuidores,
    produto_id integer NOT NULL REFERENCES sandbox_supabase.produtos,
    quantidade integer NOT NULL,
    total numeric(12, 2) NOT NULL,
    vendida_em timestamptz NOT NULL,
    observacao text
);

CREATE TABLE IF NOT EXISTS sandbox_supabase.segredos (
    id integer PRIMARY KEY,
    nome text NOT NULL,
    valor text NOT NULL
);

INSERT INTO sandbox_supabase.distribuidores VALUES
    (1, 'Distribuidora Horizonte', 'Belo Horizonte', 'MG', true, '2019-03-11', '{"prazo_dias": 28}', '{bebidas,mercearia}'),
    (2, 'Atacado São Jorge', 'São Paulo', 'SP', true, '2018-07-02', '{"prazo_dias": 30, "frete": "CIF"}', '{mercearia}'),
    (3, 'Comercial Ipê Amarelo', 'Goiânia', 'GO', true, '2020-01-20', '{"prazo_dias": 14}', '{limpeza,higiene}'),
    (4, 'Nordeste Alimentos Ltda.', 'Recife', 'PE', true, '2017-11-30', '{"prazo_dias": 21}', '{bebidas}'),
    (5, 'Irmãos D''Ávila & Cia', 'Porto Alegre', 'RS', false, '2016-05-09', '{}', '{mercearia,bebidas}'),
    (6, 'Rio Negro Distribuição', 'Manaus', 'AM', true, '2021-09-15', '{"prazo_dias": 45, "frete": "FOB"}', '{higiene}'),
    (7, 'Cerrado Sul (matriz)', 'Campo Grande', 'MS', NULL, '2022-02-28', '{}', '{}'),
    (8, 'Litoral, Pesca e Gelo', 'Florianópolis', 'SC', true, '2015-12-01', '{"prazo_dias": 7}', '{bebidas}'),
    (9, 'Sertão Mix 100%', 'Petrolina', 'PE', true, '2023-06-06', '{"prazo_dias": 28}', '{mercearia}'),
    (10, 'Pantanal Express', 'Cuiabá', 'MT', false, '2018-04-17', '{}', '{limpeza}'),
    (11, 'Bahia*Sabor', 'Salvador', 'BA', true, '2020-10-10', '{"prazo_dias": 30}', '{mercearia,higiene}'),
    (12, 'Serra_Gaúcha Vinhos', 'Bento Gonçalves', 'RS', true, '2014-08-23', '{"prazo_dias": 60}', '{bebidas}')
ON CONFLICT DO NOTHING;

INSERT INTO sandbox_supabase.produtos VALUES
    (1, 'Café torrado e moído 500 g', 'mercearia', 18.90, 340, true),
    (2, 'Arroz agulhinha 5 kg', 'mercearia', 27.50, 120, true),
    (3, 'Feijão carioca 1 kg', 'mercearia', 8.49, 410, true),
    (4, 'Açúcar cristal 2 kg', 'mercearia', 9.20, 0, true),
    (5, 'Óleo de soja 900 ml', 'mercearia', 7.89, 96, true),
    (6, 'Guaraná lata 350 ml', 'bebidas', 3.75, 1200, true),
    (7, 'Água de coco 1 L', 'bebidas', 11.30, 64, true),
    (8, 'Suco de caju 500 ml', 'bebidas', 6.40, 31, true),
    (9, 'Vinho tinto de mesa 750 ml', 'bebidas', 24.00, 55, true),
    (10, 'Sabão em pó 1 kg', 'limpeza', 13.99, 210, true),
    (11, 'Água sanitária 2 L', 'limpeza', 6.15, 0, true),
    (12, 'Detergente neutro 500 ml', 'limpeza', 2.39, 800, true),
    (13, 'Papel higiênico, 12 rolos', 'higiene', 19.90, 150, true),
    (14, 'Creme dental 90 g', 'higiene', 4.59, 275, true),
    (15, 'Sabonete "Flor de Ipê" 85 g', 'higiene', 2.10, 500, true),
    (16, 'Farinha de mandioca 1 kg', 'mercearia', 7.00, 18, false),
    (17, 'Cachaça artesanal 700 ml', 'bebidas', 49.90, 12, true),
    (18, 'Esponja de aço', 'limpeza', 2.85, 640, false)
ON CONFLICT DO NOTHING;

INSERT INTO sandbox_supabase.vendas
SELECT md5('venda ' || n)::uuid,
       n,
       1 + (n * 7) % 12,
       p.id,
       1 + (n * 5) % 9,
       p.preco * (1 + (n * 5) % 9),
       timestamptz '2026-01-05 12:00:00+00' + n * interval '17 hours',
       CASE n % 5 WHEN 0 THEN 'entregar pela manhã' WHEN 3 THEN 'nota fiscal, 2ª via' END
FROM generate_series(1, 72) n
JOIN sandbox_supabase.produtos p ON p.id = 1 + (n * 11) % 18
ON CONFLICT DO NOTHING;

INSERT INTO sandbox_supabase.segredos VALUES
    (1, 'margem', '37%'),
    (2, 'senha do cofre', '4-8-15-16')
ON CONFLICT DO NOTHING;

GRANT SELECT ON sandbox_supabase.produtos TO sandbox_anon;
GRANT SELECT ON sandbox_supabase.distribuidores, sandbox_supabase.produtos, sandbox_supabase.vendas
    TO sandbox_service, sandbox_reader;
GRANT SELECT ON sandbox_supabase.segredos TO sandbox_service;

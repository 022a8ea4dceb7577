-- Upstream registries -------------------------------------------------------------------------------------------------

-- Rows stand over the entries of the ENTREPOT_REGISTRIES file for the same host. Every change wakes the topic `registry`.
create table registry (
  host                text primary key,
  endpoint            text,
  mirrors             text[] not null default '{}',
  kind                text check (kind in ('docker-hub', 'harbor', 'quay', 'zot', 'distribution')),
  priority            integer check (priority between 0 and 10000),
  insecure            boolean not null default false,
  ca                  text,
  -- Sealed by the secret box; its user is in it too.
  credential          bytea,
  max_connections     integer check (max_connections between 1 and 256),
  requests_per_minute integer check (requests_per_minute > 0),
  bytes_per_second    bigint check (bytes_per_second > 0),
  created_at          timestamptz not null default now(),
  updated_at          timestamptz not null default now()
);

-- Who did what --------------------------------------------------------------------------------------------------------

-- A transaction says in whose name it works by setting entrepot.caller; nobody else's statements have to carry it.
create function current_caller() returns text language sql stable as
  $$ select nullif(current_setting('entrepot.caller', true), '') $$;

alter table event add column caller text default current_caller();
-- {"from": …, "to": …} of what was changed; never a secret.
alter table event add column change jsonb;

-- In whose name the pull was asked for first; its events are written in that name.
alter table pull add column caller text default current_caller();

-- Who may come in -----------------------------------------------------------------------------------------------------

create table token (
  name         text primary key,
  role         text not null check (role in ('reader', 'operator', 'admin')),
  -- SHA-256 of the secret, which is random enough to need no salt.
  hash         bytea not null unique,
  created_by   text default current_caller(),
  created_at   timestamptz not null default now(),
  last_used_at timestamptz,
  expires_at   timestamptz
);

-- What was asked for under an Idempotency-Key, and what came of it. A null answer: it is being worked on.
create table idempotency_key (
  caller       text not null,
  key          text not null,
  request_hash bytea not null,
  status       integer,
  answer       jsonb,
  created_at   timestamptz not null default now(),
  primary key (caller, key)
);
create index idempotency_key_created on idempotency_key (created_at);

-- Archives that clients watch: saved ones under a link, and those that are loaded from elsewhere -----------------------

alter table archive
  drop constraint archive_state_check,
  add constraint archive_state_check check (state in ('queued', 'planned', 'running', 'done', 'failed')),
  add column kind text not null default 'save' check (kind in ('save', 'load')),
  -- Made by the platform API, and to be seen there; others belong to one `docker save`.
  add column listed boolean not null default false,
  add column caller text default current_caller(),
  -- Of a load: what was read so far, and what was loaded.
  add column bytes_done bigint not null default 0,
  add column result jsonb;

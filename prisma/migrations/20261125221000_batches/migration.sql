-- Batches ---------------------------------------------------------------------------------------------------------------

-- Many pulls that somebody asked for at once. Their backlog stands here; the queue gets only what is about to run.
create table batch (
  id               uuid primary key default gen_random_uuid(),
  owner            text not null,
  state            text not null default 'planning'
                   check (state in ('planning', 'planned', 'refused', 'running', 'done', 'cancelled')),
  dry_run          boolean not null default false,
  paused           boolean not null default false,
  -- 0 low, 1 normal, 2 high.
  priority         smallint not null default 1 check (priority between 0 and 2),
  labels           jsonb not null default '{}',
  schedule_id      uuid,
  item_count       integer not null,
  -- What planning found, in all; and why the batch was refused.
  plan             jsonb,
  refusal          jsonb,
  -- One planner at a time.
  planner          text,
  planner_until    timestamptz,
  -- Its place in the fair queue of its owner; null until it was in the queue.
  virtual_time     float8,
  served_at        timestamptz not null default now(),
  created_at       timestamptz not null default now(),
  finished_at      timestamptz
);
create index batch_unfinished on batch (state) where state in ('planning', 'running');
create index batch_created on batch (created_at desc, id desc);
create index batch_schedule on batch (schedule_id, created_at desc) where schedule_id is not null;

create table batch_item (
  batch_id          uuid not null references batch (id) on delete cascade,
  position          integer not null,
  reference         text not null,
  host              text not null,
  platform          text,
  priority          smallint not null default 1 check (priority between 0 and 2),
  labels            jsonb not null default '{}',
  state             text not null default 'queued'
                    check (state in ('queued', 'planned', 'running', 'done', 'failed', 'cancelled')),
  not_before        timestamptz not null default now(),
  attempts          integer not null default 0,
  outcome           text check (outcome in ('downloaded', 'up-to-date')),
  -- Why it failed or waits.
  reason            jsonb,
  pull_id           uuid references pull (id) on delete set null,
  target_digest     text,
  layer_count       integer,
  layers_here       integer,
  total_bytes       bigint,
  missing_bytes     bigint,
  manifest_requests integer,
  finished_at       timestamptz,
  primary key (batch_id, position)
);
create index batch_item_unfinished on batch_item (batch_id, state, priority desc, missing_bytes, position)
  where state in ('queued', 'planned', 'running');
create index batch_item_pull on batch_item (pull_id) where pull_id is not null;

-- What a batch needs, each blob once.
create table batch_blob (
  batch_id   uuid not null references batch (id) on delete cascade,
  digest     text not null,
  size_bytes bigint not null,
  host       text not null,
  was_here   boolean not null,
  primary key (batch_id, digest)
);

-- Manifests that planning has read, so that the pull behind it does not pay for them again.
create table planned_manifest (
  digest     text primary key,
  media_type text not null,
  bytes      bytea not null,
  kept_until timestamptz not null
);
create index planned_manifest_kept on planned_manifest (kept_until);

-- Who has a backlog now, and its place in the fair queue.
create table tenant (
  name         text primary key,
  virtual_time float8 not null
);

-- Pullers that live, and how many transfers each takes.
create table worker (
  owner   text primary key,
  slots   integer not null,
  seen_at timestamptz not null default now()
);

-- What a registry has shown: how fast it was lately, until when it refuses.
create table registry_state (
  host             text primary key,
  bytes_per_second float8,
  limited_until    timestamptz,
  limit_reason     text,
  -- As long as somebody who cannot wait finds no connection.
  urgent_until     timestamptz
);

-- How many pulls a registry still allows a credential, as it said last. A batch leaves a reserve of it.
create table registry_quota (
  host           text not null,
  credential_key text not null,
  max_pulls      integer not null,
  remaining      integer not null,
  window_seconds integer not null,
  resets_at      timestamptz not null,
  seen_at        timestamptz not null default now(),
  primary key (host, credential_key)
);

-- What all pullers spend together of a registry's limits: the moment from which on there is budget again (GCRA).
create table registry_budget (
  host    text not null,
  kind    text not null check (kind in ('requests', 'bytes')),
  free_at timestamptz not null,
  primary key (host, kind)
);

-- Connections to registries that have a limit of them; a slot whose holder is silent is free.
create table registry_connection (
  host       text not null,
  slot       integer not null,
  holder     text not null,
  expires_at timestamptz not null,
  primary key (host, slot)
);

-- An item ends with its pull, whichever way that ends.
create function settle_batch_items() returns trigger language plpgsql as $$
declare
  told integer;
begin
  with settled as (
    update batch_item set state = new.state, outcome = new.outcome, reason = new.error, finished_at = now()
     where pull_id = new.id and state = 'running'
    returning batch_id),
  topics as (
    select 'batch:' || batch_id as topic from settled union select 'backlog' from settled)
  select count(pg_notify('entrepot', topic)) from topics into told;
  return null;
end $$;

create trigger pull_ended after update of state on pull
  for each row when (old.state <> new.state and new.state in ('done', 'failed', 'cancelled'))
  execute function settle_batch_items();

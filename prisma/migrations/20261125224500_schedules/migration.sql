-- Schedules -------------------------------------------------------------------------------------------------------------

-- Repositories that are mirrored by rule, again and again. The next run stands here; the sweeper asks for it.
create table schedule (
  id          uuid primary key default gen_random_uuid(),
  name        text not null unique,
  owner       text not null,
  cron        text not null,
  timezone    text not null,
  priority    smallint not null default 1 check (priority between 0 and 2),
  labels      jsonb not null default '{}',
  rules       jsonb not null,
  -- What to do with a tag that names something else by now, and with one that is gone.
  moved       text not null check (moved in ('follow', 'keep')),
  vanished    text not null check (vanished in ('keep', 'untag')),
  enabled     boolean not null default true,
  next_run_at timestamptz,
  created_at  timestamptz not null default now()
);
create index schedule_due on schedule (next_run_at) where enabled;

create table schedule_run (
  id          uuid primary key default gen_random_uuid(),
  schedule_id uuid not null references schedule (id) on delete cascade,
  state       text not null default 'listing' check (state in ('listing', 'started', 'failed')),
  batch_id    uuid references batch (id) on delete set null,
  tags        integer not null default 0,
  untagged    integer not null default 0,
  error       jsonb,
  attempts    integer not null default 0,
  not_before  timestamptz not null default now(),
  started_at  timestamptz not null default now()
);
create index schedule_run_schedule on schedule_run (schedule_id, started_at desc);
create index schedule_run_listing on schedule_run (not_before) where state = 'listing';

-- Tags that a schedule has asked for: only those does it take away again.
create table schedule_tag (
  schedule_id uuid not null references schedule (id) on delete cascade,
  repository  text not null,
  tag         text not null,
  primary key (schedule_id, repository, tag)
);

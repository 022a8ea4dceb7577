-- The whole metadata of Entrepot. Digests are the names ("sha256:<64 hex>"); times are the database's own.

-- What images are called -----------------------------------------------------------------------------------------

create table repository (
  id        bigint generated always as identity primary key,
  name      text not null unique,
  familiar  text not null
);
create index repository_familiar_prefix on repository (familiar text_pattern_ops);

-- Bytes ------------------------------------------------------------------------------------------------------------

create table blob (
  digest             text primary key,
  size_bytes         bigint not null check (size_bytes >= 0),
  storage_key        text not null unique,
  diff_id            text,
  uncompressed_bytes bigint,
  content_bytes      bigint,
  entry_count        integer,
  analysed_at        timestamptz,
  analysis_error     text,
  verified_at        timestamptz not null default now(),
  created_at         timestamptz not null default now()
);
create index blob_diff_id on blob (diff_id) where diff_id is not null;

-- An object may be written only under a key that stands here first, so that no crash leaves bytes nobody knows of.
create table upload (
  storage_key  text primary key,
  size_bytes   bigint not null,
  resume_state jsonb,
  safe_bytes   bigint not null default 0,
  owner        text not null,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz not null
);
create index upload_expires on upload (expires_at);

-- Objects that are to be deleted; the row goes when the store has said that the bytes are gone.
create table tombstone (
  storage_key  text primary key,
  size_bytes   bigint not null,
  reason       text not null,
  not_before   timestamptz not null default now(),
  attempts     integer not null default 0,
  last_error   text,
  created_at   timestamptz not null default now()
);
create index tombstone_due on tombstone (not_before);

create table blob_lease (
  blob_digest text not null references blob (digest),
  owner       text not null,
  expires_at  timestamptz not null,
  primary key (blob_digest, owner)
);
create index blob_lease_owner on blob_lease (owner);
create index blob_lease_expires on blob_lease (expires_at);

-- Blobs whose last owner may have gone; filled by triggers, emptied by the collector alone.
create table blob_review (
  blob_digest     text primary key references blob (digest) on delete cascade,
  event           text not null,
  unreferenced_at timestamptz not null default now(),
  retry_at        timestamptz not null default now(),
  reviews         integer not null default 0
);
create index blob_review_due on blob_review (unreferenced_at);

-- Images -----------------------------------------------------------------------------------------------------------

create table image (
  id             text primary key,
  config         jsonb not null,
  os             text not null,
  architecture   text not null,
  variant        text,
  labels         jsonb not null default '{}',
  created_at     timestamptz,
  parent_id      text,
  broken_reason  text,
  last_tagged_at timestamptz,
  stored_at      timestamptz not null default now()
);
create index image_created on image (created_at desc nulls last, id);
-- Finds the images that share layers: what a removal must not call deleted.
create index image_diff_ids on image using gin ((config #> '{rootfs,diff_ids}') jsonb_path_ops);
create index image_parent on image (parent_id) where parent_id is not null;

create table manifest (
  digest         text primary key,
  media_type     text not null,
  kind           text not null check (kind in ('image', 'index', 'artifact')),
  bytes          bytea not null,
  image_id       text references image (id),
  subject_digest text,
  published_at   timestamptz not null default now(),
  check ((kind = 'image') = (image_id is not null))
);
create index manifest_image on manifest (image_id, published_at desc);
create index manifest_subject on manifest (subject_digest) where subject_digest is not null;

-- Position 0 is the config, layers follow from 1 in their order.
create table manifest_blob (
  manifest_digest text not null references manifest (digest) on delete cascade,
  position        integer not null,
  blob_digest     text not null references blob (digest),
  media_type      text not null,
  primary key (manifest_digest, position)
);
create index manifest_blob_blob on manifest_blob (blob_digest);

-- A child may be absent here: an index names all platforms, one of which was pulled.
create table manifest_child (
  parent_digest   text not null references manifest (digest) on delete cascade,
  position        integer not null,
  child_digest    text not null,
  media_type      text not null,
  size_bytes      bigint not null,
  os              text,
  architecture    text,
  variant         text,
  attestation_for text,
  primary key (parent_digest, position)
);
create index manifest_child_child on manifest_child (child_digest);

create table repository_manifest (
  repository_id   bigint not null references repository (id),
  manifest_digest text not null references manifest (digest),
  image_id        text not null references image (id),
  created_at      timestamptz not null default now(),
  primary key (repository_id, manifest_digest, image_id)
);
create index repository_manifest_manifest on repository_manifest (manifest_digest);
create index repository_manifest_image on repository_manifest (image_id);

create table tag (
  repository_id bigint not null references repository (id),
  name          text not null,
  target_digest text not null references manifest (digest),
  shown_digest  text not null references manifest (digest),
  image_id      text not null references image (id),
  updated_at    timestamptz not null default now(),
  primary key (repository_id, name)
);
create index tag_target on tag (target_digest);
create index tag_shown on tag (shown_digest);
create index tag_image on tag (image_id);

create table tag_event (
  id              bigint generated always as identity primary key,
  repository_name text not null,
  tag             text not null,
  from_digest     text,
  to_digest       text,
  pull_id         uuid,
  at              timestamptz not null default now()
);
create index tag_event_tag on tag_event (repository_name, tag, id);

-- Pulls ------------------------------------------------------------------------------------------------------------

create table pull (
  id             uuid primary key default gen_random_uuid(),
  reference      text not null,
  platform       text,
  kind           text not null default 'interactive' check (kind in ('interactive', 'batch')),
  state          text not null default 'queued'
                 check (state in ('queued', 'fetching', 'publishing', 'done', 'failed', 'cancelled')),
  credential     bytea,
  credential_key text not null default '',
  target_digest  text,
  shown_digest   text,
  outcome        text check (outcome in ('downloaded', 'up-to-date')),
  error          jsonb,
  attempts       integer not null default 0,
  not_before     timestamptz not null default now(),
  created_at     timestamptz not null default now(),
  finished_at    timestamptz
);
create unique index pull_active on pull (reference, coalesce(platform, ''), credential_key)
  where state in ('queued', 'fetching', 'publishing');
create index pull_unfinished on pull (state, not_before) where state in ('queued', 'fetching', 'publishing');
create index pull_finished on pull (finished_at) where finished_at is not null;

-- The manifests a pull has resolved and not yet published; position 0 is its target.
create table pull_manifest (
  pull_id    uuid not null references pull (id) on delete cascade,
  position   integer not null,
  digest     text not null,
  media_type text not null,
  bytes      bytea not null,
  primary key (pull_id, position)
);

-- What a pull needs; the rows of an unfinished pull are the waiters of blob_fetch.
create table pull_blob (
  pull_id     uuid not null references pull (id) on delete cascade,
  position    integer not null,
  blob_digest text not null,
  size_bytes  bigint not null,
  media_type  text not null,
  urls        text[] not null default '{}',
  was_here    boolean not null,
  primary key (pull_id, position),
  unique (pull_id, blob_digest)
);
create index pull_blob_blob on pull_blob (blob_digest);

create table pull_watcher (
  pull_id    uuid not null references pull (id) on delete cascade,
  id         uuid not null,
  expires_at timestamptz not null,
  primary key (pull_id, id)
);
create index pull_watcher_expires on pull_watcher (expires_at);

-- The timeline of a pull: every retry, wait and failure, in words.
create table pull_event (
  id      bigint generated always as identity primary key,
  pull_id uuid not null references pull (id) on delete cascade,
  at      timestamptz not null default now(),
  line    text not null
);
create index pull_event_pull on pull_event (pull_id, id);

-- One row per digest that is being fetched, for the whole fleet. epoch fences off an owner whose lease ran out.
create table blob_fetch (
  digest      text primary key,
  size_bytes  bigint not null,
  state       text not null default 'queued' check (state in ('queued', 'running')),
  epoch       integer not null default 0,
  owner       text,
  lease_until timestamptz,
  storage_key text references upload (storage_key) on delete set null,
  bytes_done  bigint not null default 0,
  attempts    integer not null default 0,
  not_before  timestamptz not null default now(),
  -- What the registry said that makes it wait.
  wait_error  jsonb,
  created_at  timestamptz not null default now()
);
create index blob_fetch_due on blob_fetch (state, not_before);

-- Archives and events ----------------------------------------------------------------------------------------------

create table archive (
  id         uuid primary key default gen_random_uuid(),
  request    jsonb not null,
  state      text not null default 'queued' check (state in ('queued', 'planned', 'failed')),
  plan       jsonb,
  size_bytes bigint,
  etag       text,
  error      jsonb,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index archive_expires on archive (expires_at);

create table event (
  id         bigint generated always as identity primary key,
  at         timestamptz not null default clock_timestamp(),
  type       text not null,
  action     text not null,
  actor_id   text not null,
  attributes jsonb not null default '{}'
);
create index event_at on event (at);

-- What keeps a blob -------------------------------------------------------------------------------------------------

create view blob_in_use as
  select blob_digest from manifest_blob
  union all
  select blob_digest from blob_lease where expires_at > now();

-- Every statement that may take a blob's last owner queues the blob for review. An upsert, never "do nothing":
-- what happens during a review must leave a row behind it. Sorted, so that two statements cannot deadlock.
create function review_stored_blobs() returns trigger language plpgsql as $$
begin
  insert into blob_review (blob_digest, event)
    select digest, 'stored' from stored order by digest
    on conflict (blob_digest) do update
      set event = excluded.event, unreferenced_at = now(), retry_at = now(), reviews = 0;
  return null;
end $$;

create function review_released_blobs() returns trigger language plpgsql as $$
begin
  insert into blob_review (blob_digest, event)
    select b.digest, tg_argv[0] from blob b
      where b.digest in (select blob_digest from released) order by b.digest
    on conflict (blob_digest) do update
      set event = excluded.event, unreferenced_at = now(), retry_at = now(), reviews = 0;
  return null;
end $$;

create trigger blob_stored after insert on blob
  referencing new table as stored for each statement execute function review_stored_blobs();
create trigger manifest_blob_released after delete on manifest_blob
  referencing old table as released for each statement execute function review_released_blobs('manifest');
create trigger blob_lease_released after delete on blob_lease
  referencing old table as released for each statement execute function review_released_blobs('lease');

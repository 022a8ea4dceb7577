-- Containers that never run: an image, a name, and what was changed on top of it.

create table container (
  id           text primary key check (id ~ '^[0-9a-f]{64}$'),
  name         text not null unique,
  -- No foreign key: an image may be removed by force under its containers, which keep its layers and its config.
  image_id     text not null,
  -- As it was named, and what that meant; without a repository it was an id.
  image_name       text not null,
  image_repository text,
  image_tag        text,
  image_config jsonb not null,
  config       jsonb not null,
  host_config  jsonb not null,
  -- Working directory and mount points are made by whoever opens the tree first.
  prepared     boolean not null default false,
  -- Counts the changes.
  version      bigint not null default 0,
  -- Bytes of the files in its own layer.
  size_bytes   bigint not null default 0,
  created_at   timestamptz not null default clock_timestamp()
);
create index container_image on container (image_id);
create index container_created on container (created_at desc);
create index container_diff_ids on container using gin ((image_config #> '{rootfs,diff_ids}') jsonb_path_ops);

-- The layers below, lowest first, from 1.
create table container_layer (
  container_id text not null references container (id) on delete cascade,
  position     integer not null,
  blob_digest  text not null references blob (digest),
  media_type   text not null,
  primary key (container_id, position)
);
create index container_layer_blob on container_layer (blob_digest);

-- Its own layer, one row for each path. Content is inline, or a piece of a blob, or that of a file in the layers below.
create table container_entry (
  container_id text not null references container (id) on delete cascade,
  path         bytea not null,
  kind         text not null check (kind in ('file', 'directory', 'symlink', 'character-device', 'block-device', 'fifo',
                                             'whiteout')),
  -- A directory that hides what the layers below have in it.
  opaque       boolean not null default false,
  -- The layers below have something at this path.
  covers       boolean not null,
  mode         integer not null,
  uid          bigint not null,
  gid          bigint not null,
  size_bytes   bigint not null,
  mtime_ms     double precision not null,
  link_target  bytea,
  device_major integer not null default 0,
  device_minor integer not null default 0,
  -- By name, values in base64.
  xattrs       jsonb not null default '{}',
  -- Files of one number are one file under several names.
  inode        integer,
  inline       bytea,
  blob_digest  text references blob (digest),
  blob_offset  bigint,
  below_path   bytea,
  primary key (container_id, path),
  check (num_nonnulls(inline, blob_digest, below_path) = (kind = 'file')::int),
  check ((blob_digest is null) = (blob_offset is null)),
  check ((link_target is null) = (kind <> 'symlink'))
);
create index container_entry_blob on container_entry (blob_digest) where blob_digest is not null;

create or replace view blob_in_use as
  select blob_digest from manifest_blob
  union all
  select blob_digest from blob_lease where expires_at > now()
  union all
  select blob_digest from container_layer
  union all
  select blob_digest from container_entry where blob_digest is not null;

create trigger container_layer_released after delete on container_layer
  referencing old table as released for each statement execute function review_released_blobs('container');
create trigger container_entry_released after delete on container_entry
  referencing old table as released for each statement execute function review_released_blobs('container');

-- Search inside images ---------------------------------------------------------------------------------------------

-- Rows are by layer, never by image: a thousand images on one base have its files once. A row says what a layer does at a
-- path; which images show it follows from the stacks of their manifests.
create extension if not exists pg_trgm;

-- Every path that some layer ever had. Grows with the number of different paths only.
-- `key` is the path hashed, since a path may be longer than an index entry.
create table file_path (
  id   bigint generated always as identity primary key,
  key  bytea not null unique,
  path text not null,
  name text not null
);
create index file_path_prefix on file_path (left(path, 500) text_pattern_ops);
create index file_path_name on file_path using gin (name gin_trgm_ops);

-- A layer by a short number. Complete once `listed_at` is set.
create table listed_layer (
  id        integer generated always as identity primary key,
  digest    text not null unique references blob (digest) on delete cascade,
  listed_at timestamptz
);

-- kind: f file, d directory, o another kind of file, x nothing (only hides). hides: what lower layers have here and below
-- is gone (a whiteout), or all below (an opaque directory).
create table layer_file (
  layer_id integer not null references listed_layer (id) on delete cascade,
  path_id  bigint not null,
  kind     "char" not null,
  hides    boolean not null,
  sha256   bytea,
  primary key (path_id, layer_id)
);
create index layer_file_layer on layer_file (layer_id);
create index layer_file_sha256 on layer_file using hash (sha256) where sha256 is not null;

-- What a package database or a package.json in a layer says is installed.
create table layer_package (
  layer_id  integer not null references listed_layer (id) on delete cascade,
  path_id   bigint not null,
  ecosystem text not null check (ecosystem in ('deb', 'apk', 'npm')),
  name      text not null,
  version   text not null,
  primary key (ecosystem, name, version, layer_id, path_id)
);
create index layer_package_layer on layer_package (layer_id);

-- Packages found while a layer is analysed, until its files are listed.
create table found_packages (
  layer_digest text primary key references blob (digest) on delete cascade,
  packages     jsonb not null
);

create function path_key(path text) returns bytea language sql stable parallel safe as
  $$ select substring(sha256(convert_to(path, 'UTF8')), 1, 16) $$;

create function path_id(wanted text) returns bigint language sql stable as
  $$ select id from file_path where key = path_key(wanted) $$;

-- The ids of a path's directories, nearest first; the root is '' .
create function parent_ids(path text) returns bigint[] language sql stable as $$
  select array_agg(p.id)
    from (select string_to_array(path, '/') as parts) s,
         generate_series(0, cardinality(s.parts) - 1) as depth,
         lateral (select path_id(array_to_string(s.parts[1:depth], '/')) as id) p
   where p.id is not null
$$;

-- Whether a stack shows what one of its layers has at a path: no higher layer has anything there, hides it, or has something
-- else than a directory above it.
create function is_shown(manifest text, layer_position integer, wanted bigint, parents bigint[])
returns boolean language sql stable as $$
  select not exists (
    select from manifest_blob q join listed_layer t on t.digest = q.blob_digest
     where q.manifest_digest = manifest and q.position > layer_position
       and (exists (select from layer_file f where f.path_id = wanted and f.layer_id = t.id)
         or exists (select from layer_file f where f.path_id = any(parents) and f.layer_id = t.id
                                               and (f.hides or f.kind <> 'd'))))
$$;

-- The chain id of each image: what its stack of diff ids is called up to each layer (OCI image spec, config.md).
create function chain_ids(diff_ids jsonb) returns table (depth integer, chain_id text) language sql stable as $$
  with recursive chain as (
    select 1 as depth, diff_ids ->> 0 as chain_id
    union all
    select depth + 1, 'sha256:' || encode(sha256(convert_to(chain_id || ' ' || (diff_ids ->> depth), 'UTF8')), 'hex')
      from chain where depth < jsonb_array_length(diff_ids)
  )
  select depth, chain_id from chain where chain_id is not null
$$;

-- Layers that were analysed before packages were looked for are due again.
update blob set analysed_at = null where analysed_at is not null and analysis_error is null;

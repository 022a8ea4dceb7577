-- Who owns blobs ---------------------------------------------------------------------------------------------------

-- Every table with a column blob_digest that keeps a blob for as long as its row stands. The view blob_in_use is made of
-- them: a later migration adds its own by `select own_blobs('its_table', 'what happened')` and needs not know the others.
create table blob_owner (
  source text primary key
);

create function own_blobs(source text, event text) returns void language plpgsql as $$
declare
  owners text;
begin
  insert into blob_owner values (source) on conflict do nothing;
  select string_agg(format('select blob_digest from %I where blob_digest is not null', o.source), ' union all ' order by o.source)
    into owners from blob_owner o;
  execute 'create or replace view blob_in_use as ' || owners
    || ' union all select blob_digest from blob_lease where expires_at > now()';
  execute format('drop trigger if exists %I on %I', source || '_released', source);
  execute format('create trigger %I after delete on %I referencing old table as released
    for each statement execute function review_released_blobs(%L)', source || '_released', source, event);
end $$;

select own_blobs('manifest_blob', 'manifest');
select own_blobs('container_layer', 'container');
select own_blobs('container_entry', 'container');

-- What is in a layer -----------------------------------------------------------------------------------------------

-- The entries of an analysed layer as compressed blobs, in order. It goes with its layer.
create table layer_index (
  layer_digest text not null references blob (digest) on delete cascade,
  position     integer not null,
  blob_digest  text not null references blob (digest),
  primary key (layer_digest, position)
);
create index layer_index_blob on layer_index (blob_digest);
select own_blobs('layer_index', 'layer index');

-- Somebody waits for this layer's analysis since then.
alter table blob add column analysis_wanted_at timestamptz;

-- What was analysed before there was an index is due again; its sizes stay.
update blob set analysed_at = null where analysed_at is not null and analysis_error is null;

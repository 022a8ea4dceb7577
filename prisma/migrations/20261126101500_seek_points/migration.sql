-- Where unpacking of a large packed layer can begin is found after its analysis. What was found stands in layer_index at
-- position -1, before the entries: whatever counts, keeps or frees the blobs of an index does so with it.
alter table blob add column seek_points_due boolean not null default false;
create index blob_seek_points_due on blob (created_at) where seek_points_due;

update blob set seek_points_due = true
 where analysed_at is not null and analysis_error is null and diff_id <> digest and size_bytes >= 4194304;

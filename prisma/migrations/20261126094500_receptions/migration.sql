-- Archives that are sent in pieces ----------------------------------------------------------------------------------------

alter table archive
  drop constraint archive_state_check,
  add constraint archive_state_check
    check (state in ('receiving', 'queued', 'planned', 'running', 'done', 'failed')),
  -- Where the bytes of one that is sent are; their row is in `upload` until they were loaded.
  add column storage_key text,
  -- Of what makes two announcements the same; whoever sends the same again goes on with it.
  add column reception_key text,
  -- How long it is kept after it was last heard of.
  add column life_ms bigint,
  -- Who writes at the moment, and until when others take that for granted.
  add column receiver text,
  add column receiver_until timestamptz,
  add constraint archive_reception_check check (state <> 'receiving' or (storage_key is not null and life_ms is not null));

create unique index archive_reception on archive (reception_key) where state = 'receiving';

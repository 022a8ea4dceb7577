-- Which transaction told an event: with the snapshots of a reader it says what that reader has seen, since numbers are given
-- out in order and committed in any.

alter table event add column tx xid8 not null default pg_current_xact_id();
create index event_tx on event (tx);

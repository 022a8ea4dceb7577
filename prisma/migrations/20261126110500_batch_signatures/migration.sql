-- Of batches too an admin may wish that nobody looks at signatures ---------------------------------------------------------

alter table batch add column skips_signatures boolean not null default false;

-- What belongs to an image by a tag alone (`sha256-….sig`) does not say so itself -----------------------------------------

alter table pull_manifest add column subject_digest text;

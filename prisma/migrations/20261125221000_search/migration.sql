-- Search by name ------------------------------------------------------------------------------------------------------

-- Comes with PostgreSQL, and whoever owns a database may create it.
create extension if not exists pg_trgm;

-- `redis` of `bitnami/redis`: what people look for.
create function last_name(familiar text) returns text language sql immutable parallel safe as
  $$ select lower(regexp_replace(familiar, '^.*/', '')) $$;

create index repository_last_name on repository (last_name(familiar) text_pattern_ops, familiar);
create index repository_lower_prefix on repository (lower(familiar) text_pattern_ops);
create index repository_trigrams on repository using gin (lower(familiar) gin_trgm_ops);

-- Search by what images say of themselves -----------------------------------------------------------------------------

-- Labels as words: their keys and values, cut at every mark. A stranger's labels may be longer than a tsvector can be.
create function label_words(labels jsonb) returns tsvector language sql immutable parallel safe as
  $$ select to_tsvector('simple', translate(regexp_replace(left(labels::text, 100000), '\\[bfnrt]', ' ', 'g'),
                                            '{}[]()<>"\/:.,;_@=+-', repeat(' ', 20))) $$;

create index image_label_words on image using gin (label_words(labels));

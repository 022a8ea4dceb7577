import type { Tx } from '@entrepot/database';

/**
 * Fills the database with repositories of one small image each, as a platform of that size would have them: teams on a
 * few registries, names of a few words, labels on every image. Statements over sets, so that 100 000 take seconds.
 */
export async function seedCatalogue(tx: Tx, repositories: number): Promise<void> {
  await tx.$executeRaw`
    insert into repository (name, familiar)
      select host || '/' || path, case host when 'docker.io' then path else host || '/' || path end
        from (select (array['docker.io', 'ghcr.io', 'quay.io', 'registry.example.com:5000'])[1 + n % 4] as host,
                     format('team%s/%s-%s-%s', n % 1000,
                            (array['web', 'api', 'batch', 'redis', 'nginx', 'postgres', 'kafka', 'auth'])[1 + n % 8],
                            (array['server', 'client', 'proxy', 'worker', 'gateway'])[1 + n / 8 % 5], n) as path
                from generate_series(1, ${repositories}::int) n) made`;
  await tx.$executeRaw`
    insert into image (id, config, os, architecture, labels, created_at)
      select 'sha256:' || encode(sha256(n::text::bytea), 'hex'), '{"rootfs":{"type":"layers","diff_ids":[]}}', 'linux',
             'amd64', jsonb_build_object(
               'org.opencontainers.image.description', format('The %s of project number %s, kept by team %s',
                  (array['storefront', 'ledger', 'mailer', 'scheduler', 'recommender'])[1 + n % 5], n, n % 1000),
               'org.opencontainers.image.source', format('https://git.example.com/team%s/project%s', n % 1000, n),
               'maintainer', format('person%s@example.com', n % 5000)),
             now() - n * interval '1 minute'
        from generate_series(1, ${repositories}::int) n`;
  await tx.$executeRaw`
    insert into manifest (digest, media_type, kind, bytes, image_id)
      select 'sha256:' || encode(sha256(id::bytea), 'hex'), 'application/vnd.oci.image.manifest.v1+json', 'image',
             id::bytea, id
        from image`;
  await tx.$executeRaw`
    insert into tag (repository_id, name, target_digest, shown_digest, image_id)
      select r.id, 'v' || t, m.digest, m.digest, m.image_id
        from repository r
        join (select image_id, digest, row_number() over (order by image_id) as n from manifest) m
          on m.n = 1 + r.id % ${repositories}::int
       cross join generate_series(1, 3) t`;
  await tx.$executeRaw`
    insert into repository_manifest (repository_id, manifest_digest, image_id)
      select distinct repository_id, target_digest, image_id from tag`;
}

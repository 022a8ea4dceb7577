// Commit of a change of one megabyte on the big image, and the list of what was changed.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withServices } from './cases.mjs';
import { timed } from './measure.mjs';

const changedBytes = 1_000_000;

/** `docker commit`: a container with a fresh change each time. */
export function commitCases(at) {
  return both(at, 'docker commit of 1 MB', (server, name) => ({
    name,
    before: () => changed(at, server),
    run: () => withServices(server, `${server.docker} docker commit bench-c bench-committed >/dev/null`),
    after: () => timed(`export ${server.docker}; docker rm -f bench-c; docker rmi -f bench-committed`),
  }));
}

/** `docker diff` of such a container. */
export function diffCases(at) {
  return both(at, 'docker diff of 1 MB', (server, name) => ({
    name,
    before: () => changed(at, server),
    run: () => withServices(server, `${server.docker} docker diff bench-c >/dev/null`),
    after: () => timed(`${server.docker} docker rm -f bench-c`),
  }));
}

function both({ entrepot, dockerd }, what, make) {
  return [
    { ...make(entrepot, `entrepot: ${what}`), ours: true },
    dockerd && make(dockerd, `${what} (overlay2)`),
  ].filter(Boolean);
}

async function changed({ home, registry, image }, server) {
  const file = join(home, 'changed');
  writeFileSync(file, randomBytes(changedBytes));
  const ref = `${registry.host}/${image.name}:${image.tag}`;
  await timed(
    `export ${server.docker}; docker rm -f bench-c 2>/dev/null; docker create --name bench-c ${ref} x && docker cp ${file} bench-c:/changed`,
  );
}

// The cases: what each tool is asked to do, how its destination is made cold before, and what is expected of us.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { cpuSeconds, processTree, resetPeaks, servicePeaks, storedBytes, timed } from './measure.mjs';
import { sleep } from './peers.mjs';

/** Pull of one big image into an empty place. */
export function pullCases({ home, registry, image, entrepot, dockerd, tools }) {
  const ref = `${registry.host}/${image.name}:${image.tag}`;
  return [
    ours('entrepot: docker pull', entrepot, `docker pull -q ${ref}`),
    tools.skopeo &&
      copying(
        'skopeo copy docker: oci:',
        home,
        (out) => `skopeo --insecure-policy copy -q --src-tls-verify=false docker://${ref} oci:${out}:x`,
      ),
    tools.crane &&
      copying('crane pull --format=oci', home, (out) => `${tools.crane} pull --insecure --format=oci ${ref} ${out}`),
    tools.oras &&
      copying(
        'oras cp --to-oci-layout',
        home,
        (out) => `${tools.oras} cp --from-plain-http --to-oci-layout ${ref} ${out}:x`,
      ),
    dockerd && daemon('docker pull (overlay2)', dockerd, `docker pull -q ${ref}`),
  ].filter(Boolean);
}

/** Twelve images that share layers, all at once (ours) or one after another (tools that know no other way). */
export function batchCases({ home, registry, images, entrepot, dockerd, tools }) {
  const refs = images.map((image) => `${registry.host}/${image.name}:${image.tag}`);
  const loop = (each) => `for r in ${refs.join(' ')}; do ${each}; done`;
  const atOnce = `pids=; for r in ${refs.join(' ')}; do docker pull -q $r & pids="$pids $!"; done; for p in $pids; do wait $p || exit 1; done`;
  return [
    ours('entrepot: 12 docker pull at once', entrepot, atOnce),
    tools.crane &&
      copying('loop of crane pull, one layout', home, (out) =>
        loop(`${tools.crane} pull --insecure --format=oci $r ${out}`),
      ),
    tools.skopeo && copying('skopeo sync', home, (out) => skopeoSync(registry, images, home, out)),
    dockerd && daemon('loop of docker pull (overlay2)', dockerd, loop('docker pull -q $r')),
  ].filter(Boolean);
}

/** Save of the big image to /dev/null. */
export function saveCases({ home, registry, image, entrepot, dockerd, tools }) {
  const ref = `${registry.host}/${image.name}:${image.tag}`;
  const run = (host) => `${host.docker} docker save ${ref} >/dev/null`;
  return [
    { name: 'entrepot: docker save', ours: true, run: () => withServices(entrepot, run(entrepot)) },
    tools.crane && copying('crane pull to a tarball', home, (out) => `${tools.crane} pull --insecure ${ref} ${out}`),
    dockerd && { name: 'docker save (overlay2)', maxRounds: 2, run: () => withServices(dockerd, run(dockerd)) },
  ].filter(Boolean);
}

/** Load of an OCI archive of the big image, and of a docker-archive with plain layers. */
export function loadCases({ home, archives, entrepot, dockerd, tools }) {
  return {
    oci: [
      ours('entrepot: docker load (OCI archive)', entrepot, `docker load -q -i ${archives.oci}`),
      tools.skopeo &&
        copying(
          'skopeo copy oci-archive: oci:',
          home,
          (out) => `skopeo --insecure-policy copy -q oci-archive:${archives.oci} oci:${out}:x`,
        ),
    ].filter(Boolean),
    plain: [
      ours('entrepot: docker load (plain layers)', entrepot, `docker load -q -i ${archives.plain}`),
      dockerd && daemon('docker load (overlay2)', dockerd, `docker load -q -i ${archives.plain}`),
    ].filter(Boolean),
  };
}

/** `docker images` over what is there. */
export function listCases({ entrepot, dockerd }) {
  return [
    { name: 'entrepot: docker images', ours: true, run: () => timed(`${entrepot.docker} docker images >/dev/null`) },
    dockerd && { name: 'docker images (dockerd)', run: () => timed(`${dockerd.docker} docker images >/dev/null`) },
  ].filter(Boolean);
}

function ours(name, entrepot, line) {
  return {
    name,
    ours: true,
    before: () => emptyEntrepot(entrepot),
    run: () => withServices(entrepot, `export ${entrepot.docker}; ${line}`),
  };
}

/** A daemon takes long, so it has fewer rounds. */
function daemon(name, dockerd, line) {
  return {
    name,
    maxRounds: 2,
    before: () => timed(`export ${dockerd.docker}; docker image ls -qa | sort -u | xargs -r docker rmi -f`),
    run: () => withServices(dockerd, `export ${dockerd.docker}; ${line}`),
  };
}

function copying(name, home, lineFor) {
  const out = join(home, 'out');
  const clear = () => rmSync(out, { recursive: true, force: true });
  return { name, before: clear, run: () => timed(lineFor(out)), after: clear };
}

/** The command's own CPU seconds plus what the services behind it used meanwhile, and the most memory each of them had. */
export async function withServices(server, line) {
  const tree = processTree(server.pid);
  const pids = tree.map((p) => p.pid);
  resetPeaks(pids);
  const before = cpuSeconds(pids);
  const { wall, cpu } = await timed(line);
  return { wall, cpu: cpu + cpuSeconds(pids) - before, ...servicePeaks(tree) };
}

/** Removes all images, waits until the collector has removed their bytes as well, and until nothing is at work. */
export async function emptyEntrepot(entrepot) {
  await timed(`export ${entrepot.docker}; docker image ls -qa | sort -u | xargs -r -n 200 docker rmi -f`);
  for (let i = 0; storedBytes(entrepot) > 0; i += 1) {
    if (i === 3_000) throw new Error('the collector left blobs behind for five minutes');
    await sleep(100);
  }
  await settle(entrepot);
}

/** Layers are read some seconds after a pull; that is no part of the next one. */
export async function settle({ pid }) {
  for (let i = 0; i < 120; i += 1) {
    const pids = processTree(pid).map((p) => p.pid);
    const before = cpuSeconds(pids);
    await sleep(500);
    if (cpuSeconds(pids) - before < 0.1) return;
  }
}

function skopeoSync(registry, images, home, out) {
  const list = images.map((image) => `    ${image.name}: ["${image.tag}"]`).join('\\n');
  const yaml = `${registry.host}:\\n  tls-verify: false\\n  images:\\n${list}\\n`;
  return `mkdir -p ${out} && printf '${yaml}' >${home}/sync.yml && skopeo --insecure-policy sync --src yaml --dest dir ${home}/sync.yml ${out}`;
}

// A sample registry with one real image: the Node binary and packages this clone has installed, in five layers.
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { buildImage, startUpstream } from '../../libs/testing/dist/index.js';
import { root } from '../workspace.mjs';

const osRelease = 'NAME="Entrepot sample"\nID=sample\nPRETTY_NAME="Entrepot sample image"\n';
const passwd = 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n';
const app = `require('node:http').createServer((_, answer) => answer.end('hello from the entrepot\\n')).listen(8080);\n`;

/** Starts the registry; resolves with the image's reference and size. */
export async function startSample(say) {
  say('Making the sample image from the Node binary and installed packages …');
  const image = await buildImage({
    format: 'oci',
    created: '2026-01-01T00:00:00Z',
    layers: [
      layer('COPY etc/ /etc/', [
        { name: 'etc/', mode: 0o755 },
        { name: 'etc/os-release', content: osRelease },
        { name: 'etc/passwd', content: passwd },
      ]),
      layer('COPY node /usr/local/bin/node', [
        { name: 'usr/local/bin/node', mode: 0o755, content: readFileSync(process.execPath) },
      ]),
      layer(
        'RUN npm install rxjs zod',
        packageEntries('libs/jobs', ['zod']).concat(packageEntries('apps/catalog', ['rxjs'])),
      ),
      layer(
        'RUN npm install undici bullmq',
        packageEntries('libs/jobs', ['bullmq']).concat(packageEntries('libs/blob-store', ['undici'])),
      ),
      layer('COPY server.js /srv/server.js', [{ name: 'srv/server.js', content: app }]),
    ],
    config: {
      Env: ['PATH=/usr/local/bin:/usr/bin:/bin', `NODE_VERSION=${process.versions.node}`],
      Cmd: ['node', '/srv/server.js'],
      ExposedPorts: { '8080/tcp': {} },
      User: 'node',
      WorkingDir: '/srv',
      Labels: { 'org.opencontainers.image.title': 'Entrepot sample' },
    },
  });
  const upstream = await startUpstream();
  upstream.putImage('sample/node-app', image, '1.0');
  return {
    reference: `${upstream.host}/sample/node-app:1.0`,
    layers: image.layers.length,
    bytes: image.layers.reduce((sum, { bytes }) => sum + bytes.length, 0),
    stop: () => upstream.close(),
  };
}

const layer = (createdBy, entries) => ({ createdBy, entries });

function packageEntries(workspace, names) {
  return names.flatMap((name) => {
    const folder = realpathSync(join(root, workspace, 'node_modules', name));
    return readdirSync(folder, { recursive: true })
      .map((path) => join(folder, path))
      .filter((path) => statSync(path).isFile())
      .sort()
      .map((path) => ({ name: join('srv/node_modules', name, relative(folder, path)), content: readFileSync(path) }));
  });
}

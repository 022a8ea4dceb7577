// What is in an image, beside gunzip: how long its analysis takes, and the way to a file at the very end of a layer.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { emptyEntrepot, withServices } from './cases.mjs';
import { timed } from './measure.mjs';

/** From the end of the pull until every layer is analysed, beside unpacking and hashing the same layers one by one. */
export function analysisCases({ registry, entrepot, image }, made) {
  const layers = layersOf(image, made);
  const ref = `${registry.host}/${image.name}:${image.tag}`;
  return [
    {
      name: 'entrepot: analysis',
      ours: true,
      before: async () => {
        await emptyEntrepot(entrepot);
        await timed(`${entrepot.docker} docker pull -q ${ref}`);
      },
      run: () => withServices(entrepot, get(entrepot, image, registry, 'layers')),
    },
    { name: 'gunzip | sha256sum', run: () => timed(layers.map((it) => `gunzip -c ${it} | sha256sum`).join('; ')) },
  ];
}

/** The last file of the largest layer, and the report of what is wasted. */
export function readingCases({ registry, entrepot, image }, made) {
  const largest = layersOf(image, made)[0];
  const listed = execFileSync('tar', ['tzf', largest], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const last = listed
    .trimEnd()
    .split('\n')
    .findLast((name) => !name.endsWith('/'));
  const path = encodeURIComponent(last.replace(/^\.\//, ''));
  return {
    cat: [
      {
        name: 'entrepot: cat of the last file',
        ours: true,
        run: () => withServices(entrepot, get(entrepot, image, registry, `cat?path=${path}`)),
      },
      { name: 'gunzip of the layer', run: () => timed(`gunzip -c ${largest} >/dev/null`) },
    ],
    waste: [
      {
        name: 'entrepot: waste',
        ours: true,
        run: () => withServices(entrepot, get(entrepot, image, registry, 'waste')),
      },
    ],
  };
}

function get(entrepot, image, registry, question) {
  const name = encodeURIComponent(`${registry.host}/${image.name}:${image.tag}`);
  return `curl -sf '${entrepot.url}/api/v1/images/${name}/${question}' >/dev/null`;
}

/** Files of the layers, the largest first. */
function layersOf(image, made) {
  const layers = image.blobs.slice(1).toSorted((a, b) => b.size - a.size);
  return layers.map(({ digest }) => join(made, 'blobs', digest.slice('sha256:'.length)));
}

// Before packing: the command and all it imports as one file, so that `npm install -g` of the package needs nothing else.
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

rmSync(path('../bundle'), { recursive: true, force: true });
await build({
  entryPoints: [path('../src/main.ts')],
  outfile: path('../bundle/entrepot.mjs'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // Packages in CommonJS ask for `require` and for these names.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as createBundleRequire } from 'node:module';\nconst require = createBundleRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
chmodSync(path('../bundle/entrepot.mjs'), 0o755);

// `npm test [-- jest arguments]`: checks and tests of everything this machine can run, then the libs and apps once more
// on Node 24. Ends with one line, "N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { bin, prepareWorkspace, root } from './workspace.mjs';

const node24 = '24.21.0';
const extra = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };

prepareWorkspace();
if (extra.length === 0) {
  check('formatting and lint', bin('biome'), ['check', '--diagnostic-level=error', '.']);
  check('types of the tests', bin('tsc'), ['-p', 'tsconfig.test.json']);
  check('dead exports', bin('knip'), ['--no-progress', '--no-config-hints']);
}
suite(`Node ${process.versions.node}`, process.execPath, extra);
if (extra.length === 0 && !process.versions.node.startsWith('24.')) {
  const node = installNode24();
  if (node) suite(`Node ${node24}`, node, ['libs', 'apps', 'e2e/save-load']);
  else loudly(`SKIPPED: the suite on Node ${node24} (no build for this machine)`);
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed > 0 ? 1 : 0);

function check(name, command, args) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (result.status === 0) {
    total.passed += 1;
    return;
  }
  total.failed += 1;
  loudly(`FAILED: ${name}\n${result.stdout}${result.stderr}`);
}

function suite(name, node, args) {
  console.log(`\n== ${name} ==`);
  const report = join(root, 'node_modules', '.entrepot-test.json');
  rmSync(report, { force: true });
  const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
  const result = spawnSync(node, [...jest, '--json', `--outputFile=${report}`, ...args], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ENTREPOT_TEST_NODE: node },
  });
  count(name, report, result.status);
}

function count(name, report, status) {
  if (!existsSync(report)) {
    total.failed += 1;
    return loudly(`FAILED: ${name}: jest ended with ${status} and no report`);
  }
  const found = JSON.parse(readFileSync(report, 'utf8'));
  total.passed += found.numPassedTests;
  total.failed += found.numFailedTests + found.numRuntimeErrorTestSuites;
  total.skipped += found.numPendingTests;
  if (status !== 0 && found.numFailedTests + found.numRuntimeErrorTestSuites === 0) total.failed += 1;
}

/** Node from the npm registry, beside the packages; null where there is none for this machine. */
function installNode24() {
  const name = `node-linux-${arch()}`;
  const home = join(root, 'node_modules', '.entrepot-node24');
  const node = join(home, 'node_modules', name, 'bin', 'node');
  if (existsSync(node)) return node;
  mkdirSync(home, { recursive: true });
  const install = ['install', '--no-save', '--no-package-lock', '--prefix', home, `${name}@${node24}`];
  const result = spawnSync('npm', install, { cwd: home, encoding: 'utf8' });
  return result.status === 0 && existsSync(node) ? node : null;
}

function loudly(text) {
  console.log(`\n!!! ${text}\n`);
}

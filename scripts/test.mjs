// `npm test [-- jest arguments]`: checks and tests of everything this machine can run, then the libs and apps once more
// on Node 24. Ends with one line, "N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { arch } from 'node:os';
import { join, relative } from 'node:path';
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
  fail(`${name}\n${result.stdout}${result.stderr}`);
}

/** Files that failed are run once more, one after another: a busy machine must not turn a run red, a defect must. */
function suite(name, node, args) {
  console.log(`\n== ${name} ==`);
  const first = jest(node, args);
  if (first === null) return;
  const failed = first.testResults.filter(({ status }) => status === 'failed').map((file) => file.name);
  count(first.testResults.filter(({ status }) => status !== 'failed'));
  if (failed.length === 0) {
    // Jest itself found fault (an open handle, no file at all) where no test did.
    if (first.exitCode !== 0) fail(`${name}: jest ended with ${first.exitCode} without a failed test`);
    return;
  }
  const paths = failed.map((path) => relative(root, path));
  console.log(`\n== ${name}, run again alone: ${paths.join(', ')} ==`);
  // Without workers, what a failed test leaves open would keep jest from ending.
  const again = jest(node, ['--runInBand', '--forceExit', '--runTestsByPath', ...paths]);
  if (again === null) return;
  count(again.testResults);
  const passed = again.testResults.filter(({ status }) => status !== 'failed').map((file) => relative(root, file.name));
  if (passed.length > 0) loudly(`passed only when run again: ${passed.join(', ')}`);
}

/** Runs jest and reads what it reports; null, and a failure, when it reports nothing. */
function jest(node, args) {
  const report = join(root, 'node_modules', '.entrepot-test.json');
  rmSync(report, { force: true });
  const options = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const program = [...options, 'node_modules/jest/bin/jest.js', '--json', `--outputFile=${report}`];
  const { status } = spawnSync(node, [...program, ...args], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ENTREPOT_TEST_NODE: node },
  });
  if (existsSync(report)) return { ...JSON.parse(readFileSync(report, 'utf8')), exitCode: status };
  fail(`jest ended with ${status} and no report`);
  return null;
}

/** A file that cannot even be read as a test counts as one failure. */
function count(files) {
  for (const { assertionResults, status } of files) {
    const of = (wanted) => assertionResults.filter((test) => wanted.includes(test.status)).length;
    total.passed += of(['passed']);
    total.skipped += of(['pending', 'skipped', 'todo']);
    total.failed += of(['failed']) || (status === 'failed' ? 1 : 0);
  }
}

function fail(what) {
  total.failed += 1;
  loudly(`FAILED: ${what}`);
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

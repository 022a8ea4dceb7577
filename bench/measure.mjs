// Wall time, CPU seconds and peak memory of commands and of long-running processes, from /proc and bash.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = 100;

/** Runs a shell line; resolves with its wall and CPU seconds. Rejects with the last lines of its output. */
export function timed(line, { cwd, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const script = `TIMEFORMAT='ENTREPOT_TIMES %R %U %S'; time { ${line} ; }`;
    const child = spawn('bash', ['-o', 'pipefail', '-c', script], { cwd, env: { ...process.env, ...env } });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-4000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code) => {
      const times = /ENTREPOT_TIMES ([\d.]+) ([\d.]+) ([\d.]+)/.exec(output);
      if (code !== 0 || !times) return reject(new Error(`${line}\nended with ${code}: ${output.trim()}`));
      resolve({ wall: Number(times[1]), cpu: Number(times[2]) + Number(times[3]) });
    });
  });
}

/** CPU seconds used so far by these processes and their children that live. */
export const cpuSeconds = (pids) => sum(pids.map((pid) => cpuOf(pid)));

/** Highest resident memory of a process so far, in MB. */
export function peakMegabytes(pid) {
  const found = /VmHWM:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`));
  return found ? Math.round(Number(found[1]) / 1024) : 0;
}

/** All processes below this one, itself included, as { pid, name }. */
export function processTree(root) {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid: Number(pid), parent: parentOf(pid), name: nameOf(pid) }));
  const found = [];
  const visit = (pid) => {
    for (const child of all.filter((p) => p.parent === pid)) visit(child.pid);
    found.push(all.find((p) => p.pid === pid) ?? { pid, name: '' });
  };
  visit(root);
  return found;
}

/** Runs the cases in turn, round by round, the first round thrown away; gives each case's median. */
export async function interleave(cases, rounds, say) {
  const runs = new Map(cases.map((c) => [c.name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const one of cases) {
      await one.before?.();
      const result = await one.run();
      await one.after?.();
      if (round > 0) runs.get(one.name).push(result);
    }
    say(round === 0 ? 'warm-up done' : `round ${round} of ${rounds}`);
  }
  return cases.map((one) => ({ name: one.name, ours: one.ours ?? false, ...summary(runs.get(one.name)) }));
}

function summary(runs) {
  const keys = Object.keys(runs[0]);
  const medians = Object.fromEntries(keys.map((key) => [key, median(runs.map((run) => run[key]))]));
  const walls = runs.map((run) => run.wall);
  return { ...medians, min: Math.min(...walls), max: Math.max(...walls), runs: runs.length };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const sum = (values) => values.reduce((a, b) => a + b, 0);

function cpuOf(pid) {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
}

function parentOf(pid) {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

const nameOf = (pid) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

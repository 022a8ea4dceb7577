// Wall time, CPU seconds and peak memory of commands and of long-running processes, from /proc and bash.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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

/** CPU seconds used so far by these processes and by their children that have ended. */
export const cpuSeconds = (pids) => sum(pids.map((pid) => cpuOf(pid)));

/** From now on peaks of resident memory are counted anew, where the kernel lets us. */
export function resetPeaks(pids) {
  for (const pid of pids) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, '5');
    } catch {
      // The peak since its start says enough.
    }
  }
}

/** The highest resident memory, in MB, of each kind of service in a process tree: `{ 'puller MB': 120, … }`. */
export function servicePeaks(tree) {
  const peaks = {};
  for (const { pid, name } of tree) {
    const service = /apps\/(catalog|puller|archiver)\/dist/.exec(name)?.[1] ?? /^\S*(dockerd)\b/.exec(name)?.[1];
    if (service) peaks[`${service} MB`] = Math.max(peaks[`${service} MB`] ?? 0, peakMegabytes(pid));
  }
  return peaks;
}

/** `puller 120 MB, archiver 90 MB` */
export function peakLine(results) {
  const peaks = Object.entries(results).filter(([key]) => key.endsWith(' MB'));
  return peaks.map(([key, megabytes]) => `${key.slice(0, -3)} ${Math.round(megabytes)} MB`).join(', ');
}

/** Bytes of blobs in the folder of a stack; 0 when it keeps them elsewhere. */
export function storedBytes({ data }) {
  const folder = join(data, 'blobs', 'blobs');
  if (!existsSync(folder)) return 0;
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return sum(
    entries.map(
      (entry) => statSync(join(entry.parentPath ?? entry.path, entry.name), { throwIfNoEntry: false })?.size ?? 0,
    ),
  );
}

function peakMegabytes(pid) {
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
      if (round > (one.maxRounds ?? rounds)) continue;
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
  return sum(fields.slice(11, 15).map(Number)) / ticksPerSecond;
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

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A killed process is gone as soon as the kernel has taken its sockets and files back; that never takes long. */
const patienceMs = 10_000;

interface Started {
  pid: number;
  script: string;
  /** Tells it from another process that has its pid later; empty where the system has no /proc. */
  startTime: string;
}

/**
 * Remembers which processes were started for a data folder, so that the next start can end those that outlived a
 * supervisor which was killed.
 */
export class StartedProcesses {
  readonly #file: string;
  readonly #started = new Map<number, Started>();

  constructor(dataDir: string) {
    this.#file = join(dataDir, 'services.json');
  }

  /**
   * Ends what an earlier supervisor left running and resolves when it is gone, so that its addresses are free. A pid
   * that belongs to another program by now is left alone.
   */
  async endLeftovers(): Promise<void> {
    const text = await readFile(this.#file, 'utf8').catch(() => '[]');
    await Promise.all(parseStarted(text).map(endLeftover));
  }

  add(pid: number, script: string): void {
    this.#started.set(pid, { pid, script, startTime: lookAt(pid)?.startTime ?? '' });
    this.#write();
  }

  remove(pid: number): void {
    this.#started.delete(pid);
    this.#write();
  }

  #write(): void {
    // Renamed into place: a supervisor killed while it writes must not lose the list.
    writeFileSync(`${this.#file}.new`, JSON.stringify([...this.#started.values()]));
    renameSync(`${this.#file}.new`, this.#file);
  }
}

async function endLeftover(leftover: Started): Promise<void> {
  for (let waited = 0; isAlive(leftover); waited += 20) {
    if (waited > patienceMs) throw new LeftoverError(leftover);
    kill(leftover.pid);
    await sleep(20);
  }
}

/** Holds until the last thread has ended: only then are the sockets closed, though the command line is gone earlier. */
function isAlive({ pid, script, startTime }: Started): boolean {
  const process = lookAt(pid);
  if (process === null || process.startTime !== startTime) return false;
  const isOurs = process.commandLine === '' || process.commandLine.split('\0').includes(script);
  return isOurs && (process.threads > 1 || !['Z', 'X'].includes(process.state));
}

interface ProcessFacts {
  state: string;
  threads: number;
  startTime: string;
  /** Empty once the process has begun to end. */
  commandLine: string;
}

/** What /proc/PID/stat and cmdline say (proc_pid_stat(5)), or null when there is no such process. */
function lookAt(pid: number): ProcessFacts | null {
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name before the last bracket may hold anything; the fields after it are counted from the third.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', threads: Number(fields[17]), startTime: fields[19] ?? '', commandLine };
  } catch {
    return null;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It may have ended between look and kill.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function parseStarted(text: string): Started[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.filter((item): item is Started => Number.isInteger(item?.pid)) : [];
  } catch {
    return [];
  }
}

/** A service of an earlier start does not end; a person has to look. */
class LeftoverError extends Error {
  override readonly name = 'LeftoverError';
  readonly code = 'LEFTOVER';
  readonly retryable = false;

  constructor({ pid, script }: Started) {
    super(`process ${pid} (${script}) was left by an earlier start and does not end`);
  }
}

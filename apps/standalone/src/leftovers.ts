import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Started {
  pid: number;
  script: string;
}

/**
 * Remembers which processes were started for a data folder, so that the next start can end those that outlived a
 * supervisor which was killed.
 */
export class StartedProcesses {
  readonly #file: string;
  readonly #started = new Map<number, string>();

  constructor(dataDir: string) {
    this.#file = join(dataDir, 'services.json');
  }

  /** Ends what an earlier supervisor left running. A pid that belongs to another program by now is left alone. */
  async endLeftovers(): Promise<void> {
    const text = await readFile(this.#file, 'utf8').catch(() => '[]');
    const found = parseStarted(text);
    for (const { pid, script } of found) {
      const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (commandLine.split('\0').includes(script)) process.kill(pid, 'SIGKILL');
    }
  }

  add(pid: number, script: string): void {
    this.#started.set(pid, script);
    this.#write();
  }

  remove(pid: number): void {
    this.#started.delete(pid);
    this.#write();
  }

  #write(): void {
    const list = [...this.#started].map(([pid, script]): Started => ({ pid, script }));
    writeFileSync(this.#file, JSON.stringify(list));
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

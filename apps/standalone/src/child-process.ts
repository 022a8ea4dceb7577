import { type ChildProcess, spawn } from 'node:child_process';

/** One service to keep alive. */
export interface ServiceSpec {
  name: string;
  /** Of Node itself. */
  flags: readonly string[];
  script: string;
  environment: NodeJS.ProcessEnv;
}

export interface SupervisorOptions {
  /** Told about each death that will be followed by a restart. */
  onRestart(service: string, how: string, delayMs: number): void;
  onStart(pid: number, script: string): void;
  onEnd(pid: number): void;
}

const firstDelayMs = 100;
const longestDelayMs = 5_000;
const healthyAfterMs = 10_000;
const patienceMs = 5_000;
/**
 * Runs one process per spec and starts a dead one again, with a growing delay while it keeps dying.
 * Restarting is safe because no service keeps state of its own.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #running = new Map<string, ChildProcess>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  start(spec: ServiceSpec, delayMs = firstDelayMs): void {
    if (this.#stopping) return;
    const startedAt = Date.now();
    const child = spawn(process.execPath, [...spec.flags, spec.script], {
      env: spec.environment,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    this.#running.set(spec.name, child);
    if (child.pid) this.#options.onStart(child.pid, spec.script);
    child.once('exit', (code, signal) => {
      this.#running.delete(spec.name);
      if (child.pid) this.#options.onEnd(child.pid);
      if (this.#stopping) return;
      const lived = Date.now() - startedAt;
      const next = lived > healthyAfterMs ? firstDelayMs : Math.min(delayMs * 2, longestDelayMs);
      this.#options.onRestart(spec.name, signal ?? `exit code ${code}`, next);
      this.#later(next, () => this.start(spec, next));
    });
  }

  /** Asks every service to end, then insists. Resolves when none is left. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([...this.#running.values()].map(endProcess));
  }

  #later(delayMs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs);
    this.#timers.add(timer);
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await ended;
  clearTimeout(insist);
}

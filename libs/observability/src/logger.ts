import { type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino';
import { strikeSecrets } from './strike-secrets.js';

export type { Logger };

/** How much is logged. */
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** What a logger needs to know. */
export interface LoggerOptions {
  /** Written into every line. */
  service: string;
  /** Default `info`. */
  level?: LogLevel;
  /** Where lines go; default the process's stdout, without delay. */
  destination?: { write(line: string): void };
}

/** Makes the logger of a process: one JSON object a line, secrets struck out. An error goes in as `{ err }`. */
export function createLogger({ service, level = 'info', destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: { service, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    serializers: { err: stdSerializers.errWithCause, error: stdSerializers.errWithCause },
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { streamWrite: strikeSecrets },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** A logger that adds these fields, such as `{ pullId }`, to every line. */
export function withContext(logger: Logger, fields: Record<string, unknown>): Logger {
  return logger.child(fields);
}
